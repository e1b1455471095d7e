"""Texts whose hidden words a fixed masked language model fills in again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.encoders.base import Encoder, Features
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.lookup import find, is_place
from dipole.training.parts.masked_columns import masked

if TYPE_CHECKING:
    from dipole.data import Examples


def generator_of(source: str, encoder: Encoder, examples: Examples) -> MaskedText:
    """The generator of a folder, a run or a hub id, or what `module:function` makes of the
    examples, frozen; it must know the encoder's words."""
    if is_place(source):
        made = cast("Callable[[Examples], MaskedText]", find("generator", source, {}))(examples)
    else:
        made = MaskedText.from_inputs(model=source)
    own, words = getattr(encoder, "tokenizer", None), made.tokenizer.get_vocab()
    if own is None or own.get_vocab() != words:
        known = {} if own is None else own.get_vocab()
        other = next(word for word in {**known, **words} if known.get(word) != words.get(word))
        raise InputError(
            f"generator: {source}: {other!r} is word {words.get(other, 'none')} there and "
            f"{known.get(other, 'none')} of the encoder; expected the same words with the same "
            "numbers"
        )
    return made.requires_grad_(False).eval()


@torch.no_grad()
def refilled(
    pieces: list[Features], generator: MaskedText, share: float
) -> tuple[list[Features], list[Tensor]]:
    """Features with what the generator says of every place when `share` of the words are hidden,
    and which tokens are others now, (n, t):

        x'' = argmax G(mask(x)),   the first token and padding as they were

    A place that was not hidden may change, too.
    """
    hidden, _ = masked(pieces, generator, share)
    generator.to(pieces[0]["input_ids"].device)
    made, changed = [], []
    for piece, masks in zip(pieces, hidden, strict=True):
        ids = piece["input_ids"]
        free = piece["attention_mask"].bool() & (torch.arange(ids.shape[1], device=ids.device) > 0)
        guess = torch.where(free, generator.logits(masks).argmax(-1), ids)
        changed.append(guess != ids)
        made.append(piece | {"input_ids": guess})
    return made, changed


def joined(parts: list[Tensor]) -> Tensor:
    """Pieces (n, t) of other lengths one below the other, padded with 0."""
    longest = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, longest - part.shape[1])) for part in parts])
