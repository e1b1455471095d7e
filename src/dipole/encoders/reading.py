"""What an encoder reads, asked before the work starts: texts, images, or what only it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data.inputs import described
from dipole.encoders.names import new_classes
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder


def check_reads(encoder: Encoder | type[Encoder], inputs: Sequence[Any]) -> None:
    """Raise InputError where the first of the inputs is a text or an array, and the encoder reads
    the other; names the encoders that read it."""
    if not len(inputs) or not encoder.reads:
        return
    first = inputs[0]
    if not isinstance(first, (str, np.ndarray)) or encoder.can_read(first):
        return
    cls = encoder if isinstance(encoder, type) else type(encoder)
    found = "text" if isinstance(first, str) else described(first)
    raise InputError(
        f"encoder: {cls.__name__} reads {encoder.reads}; found {found}, which is read by "
        f"{_or(readers_of(first))}an encoder of your own (--encoder file.py:Class)"
    )


def gives_tokens(encoder: Any) -> bool:
    """Whether an encoder gives a vector for each token, and none for an input:
    `encode_tokens(inputs, role)`, and `score(first, second)`."""
    return hasattr(encoder, "encode_tokens")


def readers_of(value: Any) -> list[str]:
    """The encoders of ours that read a value."""
    found = [name for name, cls in new_classes().items() if cls.reads and cls.can_read(value)]
    if isinstance(value, str):
        return [*found, "a transformer (a folder or hub id)"]
    pretrained = ["an image model (a folder or hub id)"] if "vit" in found else []
    return [*found, *pretrained]


def _or(names: list[str]) -> str:
    return f"{', '.join(names)} or " if names else ""
