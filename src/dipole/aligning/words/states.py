"""Vectors of the words of a sentence: states of a transformer's tokens, or of each word alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from dipole.aligning.words.links import Link, Links
from dipole.encoders.base import Encoder, Role
from dipole.encoders.evaluating import evaluating
from dipole.encoders.text_limits import cutting
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import note

# Sentences that go through a transformer together.
TOGETHER = 32


class Units(NamedTuple):
    """Vectors of a sentence: pieces of words or words, (t, d), and of which word each is, (t,)."""

    vectors: np.ndarray
    words: np.ndarray

    def averaged(self) -> Units:
        """One vector for each word: the mean of its pieces."""
        there, place = np.unique(self.words, return_inverse=True)
        sums = np.zeros((len(there), self.vectors.shape[1]))
        np.add.at(sums, place, self.vectors)
        return Units(sums / np.bincount(place)[:, None], there)


def folded(links: Links, source: Units, target: Units) -> Links:
    """Links of words, where any of their pieces are linked."""

    def word(link: Link) -> Link:
        return int(source.words[link[0]]), int(target.words[link[1]])

    return frozenset(map(word, links))


def middle(layers: int) -> int:
    """Two thirds of the layers, 8 of 12: there words of two languages agree most (SimAlign)."""
    return round(layers * 2 / 3)


def states(
    encoder: Encoder, sentences: Sequence[Sequence[str]], role: Role, layer: int | None = None
) -> list[Units]:
    """Vectors of the pieces of sentences, float64.

    Of a transformer they are the states after `layer` (0: its embeddings; None: two thirds of the
    way up) of each sentence read whole, without special tokens; pieces beyond its longest text are
    missing. Every other encoder gives a vector for each word by itself.
    """
    tower = encoder.side(role)
    if isinstance(tower, TransformerText):
        return _of_tokens(tower, sentences, middle(tower.layers) if layer is None else layer)
    known = list(dict.fromkeys(word for words in sentences for word in words))
    vectors = np.zeros((0, 1))
    if known:
        vectors = np.asarray(encoder.encode(known, role=role), np.float64)
    place = {word: i for i, word in enumerate(known)}
    return [
        Units(vectors[[place[word] for word in words]], np.arange(len(words)))
        for words in sentences
    ]


def _of_tokens(
    tower: TransformerText, sentences: Sequence[Sequence[str]], layer: int
) -> list[Units]:
    tokens = cutting(tower.tokenizer, tower.max_length)
    rows = tokens.encode_batch([list(words) for words in sentences], is_pretokenized=True)
    if any(row.overflowing for row in rows):
        note(
            f"found sentences of more than {tower.max_length:,} pieces, which is all that the "
            "encoder reads; their last words are linked to nothing"
        )
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i].ids))
    twin = evaluating(tower)
    found: dict[int, Units] = {}
    for start in range(0, len(order), TOGETHER):
        chosen = order[start : start + TOGETHER]
        with torch.inference_mode():
            hidden = twin.outputs(_features(tower, [rows[i] for i in chosen]), ["hidden"])["hidden"]
        for i, own in zip(chosen, hidden[:, layer].double().cpu().numpy(), strict=True):
            words = rows[i].word_ids
            kept = [t for t, word in enumerate(words) if word is not None]
            found[i] = Units(own[kept], np.array([words[t] for t in kept], np.int64))
    return [found[i] for i in range(len(rows))]


def _features(tower: TransformerText, rows: Sequence[Any]) -> dict[str, torch.Tensor]:
    """Padded tensors, on the device of the weights."""
    size = max(1, max(len(row.ids) for row in rows))
    padding = tower.tokenizer.pad_token_id or 0

    def padded(name: str, fill: int) -> torch.Tensor:
        values = [[*getattr(row, name), *[fill] * (size - len(row.ids))] for row in rows]
        return torch.tensor(values, device=tower.device)

    features = {
        "input_ids": padded("ids", padding),
        "attention_mask": padded("attention_mask", 0),
    }
    if any(any(row.type_ids) for row in rows):
        features["token_type_ids"] = padded("type_ids", 0)
    return features
