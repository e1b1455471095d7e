"""Two texts of a pair read as one: features of the joint, and the hidden words of it (TLM)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Share
from dipole.encoders.base import Features
from dipole.encoders.masked_text import MaskedText
from dipole.encoders.text_limits import longest
from dipole.kernels.draws import apart
from dipole.training.outputs import encode_outputs
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.masked_columns import masked, masked_tower, places


class MaskedPairs(Part):
    """Translation language modelling: hidden words of both texts of a pair, told by both.

        - log softmax( head(s_t) E^T + c )_{u_t},   u = [CLS] x [SEP] y [SEP] with words hidden,

    as `translation_losses`, (places,), of every place t that is asked for, as `MaskedColumns` hides
    and asks. The joint is cut where the model's positions end.

    share: of the tokens that are not special. both: the joint is also read in the other order, y
    first.

    Source: Conneau and Lample 2019, Cross-lingual Language Model Pretraining, arXiv 1901.07291.

    Example:
        >>> MaskedPairs(both=True).settings()
        {'share': 0.15, 'both': True}
    """

    gives = ("translation_losses",)

    share: Share = 0.15
    both: bool = False

    def bind(self, setup: Setup) -> None:
        self._encoder = [masked_tower(setup.encoder, "masked pairs")]  # its weights are its own

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        (encoder,) = self._encoder
        orders = [("anchor", "positive"), ("positive", "anchor")][: 1 + self.both]
        with apart("joined pairs"):  # so that it hides the same words whatever stands beside it
            losses = [
                word_losses(
                    encoder, joined_pairs(encoder, columns[one], columns[other]), self.share
                )
                for one, other in orders
            ]
        return {"translation_losses": torch.cat(losses)}


def word_losses(encoder: MaskedText, pieces: list[Features], share: float) -> Tensor:
    """What the tower says of hidden words of these texts, a loss for each, (places,)."""
    hidden, asked = masked(pieces, encoder, share)
    states = encode_outputs(encoder, "anchor", hidden, ("tokens", "mask"))["anchor_tokens"]
    words = torch.cat([p["input_ids"][a] for p, a in zip(pieces, asked, strict=True)])
    there = states[places(asked, states.shape[1])]
    return F.cross_entropy(encoder.words_of(there), words, reduction="none")


def joined_pairs(
    encoder: MaskedText, first: list[Features], second: list[Features]
) -> list[Features]:
    """Features of every first text with its second one behind it, which loses its first token.

    Raises ValueError if the pieces are not of the same rows.
    """
    most = longest(encoder.transformer, encoder.tokenizer, None)
    padding = encoder.tokenizer.pad_token_id or 0
    return [_joined(a, b, most, padding) for a, b in zip(first, second, strict=True)]


def _joined(first: Features, second: Features, most: int, padding: int) -> Features:
    """Places of both texts, in which those of the second stand behind the first's own end."""
    a, b = first["input_ids"], second["input_ids"][:, 1:]
    in_a, in_b = first["attention_mask"].bool(), second["attention_mask"][:, 1:].bool()
    lengths = in_a.sum(1) + in_b.sum(1)
    width = min(int(lengths.max()), most)
    there = torch.cat([in_a, in_b], 1)
    place = there.cumsum(1) - 1
    ids = torch.full((len(a), width), padding, dtype=a.dtype, device=a.device)
    kept = there & (place < width)
    rows = torch.arange(len(a), device=a.device)[:, None].expand_as(place)
    ids[rows[kept], place[kept]] = torch.cat([a, b], 1)[kept]
    mask = torch.arange(width, device=a.device) < lengths[:, None]
    return {"input_ids": ids, "attention_mask": mask.to(first["attention_mask"].dtype)}
