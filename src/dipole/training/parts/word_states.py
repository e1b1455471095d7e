"""States of the words of a pair's two texts in an inner layer, and links that they suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor

from dipole.declared import Range, Share
from dipole.encoders.base import Features
from dipole.encoders.evaluating import evaluating
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from dipole.objectives.tokens.word_shares import both_shares
from dipole.training.outputs import encode_outputs
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.refilled import joined

SIDES = ("anchor", "positive")


class WordStates(Part):
    """Of both texts of a pair the states of their pieces after `layer` (0: the embeddings), as
    `anchor_states` (n, s, d) and `positive_states` (n, t, d), with which of them are pieces of
    words, `anchor_pieces` (n, s) and `positive_pieces` (n, t): no special tokens, no padding.

    Where the objective takes it, also `guide` (n, s, t): links of the model as it is now, without
    dropout and without gradient,

        G_ij = 1 if softmax_j(h_i . h_j) > c and softmax_i(h_i . h_j) > c,   c = `threshold`

    and 1 for all pieces of two words of which any pieces have it.

    Example:
        >>> WordStates(layer=8).settings()
        {'layer': 8, 'threshold': 0.001}
    """

    takes = SIDES
    may_take = ("anchor_hidden", "anchor_mask", "positive_hidden", "positive_mask")
    gives = ("anchor_states", "positive_states", "anchor_pieces", "positive_pieces", "guide")

    layer: Annotated[int, Range(0)]
    threshold: Share = 1e-3

    def bind(self, setup: Setup) -> None:
        encoder = setup.encoder
        if not isinstance(encoder, TransformerText):
            raise InputError(
                f"word states: found {type(encoder).__name__}; expected a transformer of texts"
            )
        if self.layer > encoder.layers:
            raise InputError(
                f"word states: found layer {self.layer}; expected 0 to {encoder.layers}, as the "
                "encoder has"
            )
        self._encoder = [encoder]  # in a list: its weights are not this module's
        self._guides = "guide" in setup.inputs
        starts = starting(encoder.tokenizer)
        self.starts: Tensor
        self.register_buffer("starts", starts, persistent=False)

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        made = {}
        for name in SIDES:
            made[f"{name}_word_ids"] = joined([piece["input_ids"] for piece in columns[name]])
        if self._guides:
            twin: Any = evaluating(self._encoder[0])
            with torch.no_grad():
                for name in SIDES:
                    found = encode_outputs(twin, name, columns[name], ("mask", "hidden"))
                    made[f"{name}_guiding"] = found[f"{name}_hidden"][:, self.layer]
        return made

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        special = torch.tensor(framing(self._encoder[0].tokenizer), device=batch["anchor"].device)
        made = {}
        for name in SIDES:
            ids, there = batch[f"{name}_word_ids"], batch[f"{name}_mask"].bool()
            made[f"{name}_states"] = batch[f"{name}_hidden"][:, self.layer]
            made[f"{name}_pieces"] = there & ~torch.isin(ids, special)
        if self._guides:
            made["guide"] = self._guide(batch, made)
        return batch | made

    @torch.no_grad()
    def _guide(self, batch: dict[str, Tensor], made: dict[str, Tensor]) -> Tensor:
        x, y = (batch[f"{name}_guiding"] for name in SIDES)
        pieces = [made[f"{name}_pieces"] for name in SIDES]
        forward, backward = both_shares(x, y, *pieces)
        links = (forward > self.threshold) & (backward > self.threshold)
        links &= pieces[0][:, :, None] & pieces[1][:, None, :]
        same = [
            _same_word(self.starts[batch[f"{name}_word_ids"]], own)
            for name, own in zip(SIDES, pieces, strict=True)
        ]
        spread: Tensor = same[0] @ links.float() @ same[1]
        return spread > 0


def _same_word(starts: Tensor, pieces: Tensor) -> Tensor:
    """Which two pieces of a text are of one word, (n, t, t) float."""
    word = (starts & pieces).cumsum(1)
    same = (word[:, :, None] == word[:, None, :]) & pieces[:, :, None] & pieces[:, None, :]
    return same.float()


def framing(tokenizer: Any) -> list[int]:
    """The ids of tokens that stand around texts, not of words that are not known."""
    names = ("cls_token_id", "sep_token_id", "pad_token_id", "bos_token_id", "eos_token_id")
    found = {getattr(tokenizer, name, None) for name in names}
    return sorted(x for x in found if x is not None)


def starting(tokenizer: Any) -> Tensor:
    """Of every piece of the vocabulary whether a word begins with it, (v,).

    Pieces of words say so (the first has "\u2581" or "\u0120"), or those behind the first do
    ("##"), as their tokenizer has it.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    marks = ("\u2581", "\u0120")
    has_marks = any(piece.startswith(marks) for piece in vocabulary)
    found = torch.zeros(max(vocabulary.values()) + 1, dtype=torch.bool)
    for piece, number in vocabulary.items():
        found[number] = piece.startswith(marks) if has_marks else not piece.startswith("##")
    return found
