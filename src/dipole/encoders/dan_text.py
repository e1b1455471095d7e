"""A deep averaging network: vectors of words and bigrams, summed, through a few layers."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import check_texts, whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.text_split import split_words
from dipole.errors import InputError


class DanText(Encoder):
    """Text -> the sum of the vectors of its words and bigrams, through a feed-forward network:

        v = FFN( 1 / sqrt(n) sum_t e_t ),   FFN = `layers` times (linear, relu), then linear,

    n the number of words and bigrams. The words of the training texts have vectors of their own,
    the `words` most frequent if there are more; bigrams, and words that are not known, share
    `buckets` vectors by their hash (crc32). Words are in lower case, identifiers in parts
    (`split_words`). A text without words has the network's answer to 0. Vectors are not normalised:
    `dot-infonce` compares them as they are, and `index` and most objectives by their cosines.

    Made by `--encoder dan`; `width` is the size of a word's vector and of the layers, `dim` that of
    a text's.
    Sources: Iyyer et al. 2015, Deep Unordered Composition Rivals Syntactic Methods for Text
    Classification; with bigrams and 1 / sqrt(n) Cer et al. 2018, Universal Sentence Encoder, arXiv
    1803.11175 (dim 512; numbers and sizes of layers are ours).

    Example:
        >>> encoder = DanText.from_inputs(["open a file"], ["close it"], dim=8, width=8, buckets=16)
        >>> encoder.encode(["opens the file"]).shape
        (1, 8)
    """

    reads: ClassVar[str] = "texts"
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "batch_size": 256,
        "epochs": 8.0,
        "learning_rate": 1e-3,
    }

    def __init__(
        self,
        vocabulary: list[str],
        dim: int = 512,
        width: int = 256,
        layers: int = 2,
        buckets: int = 2**16,
    ) -> None:
        super().__init__()
        sizes = {"dim": dim, "width": width, "buckets": buckets}
        for name, value in sizes.items():
            whole_number(value, f"DanText: {name}")
        if layers < 0:
            raise InputError(f"DanText: layers: found {layers}; expected 0 or more")
        self.vocabulary, self.dim, self.width = vocabulary, dim, width
        self.layers, self.buckets = layers, buckets
        self.rows = {word: row for row, word in enumerate(vocabulary)}
        size = len(vocabulary) + buckets
        check_memory(size * width, f"DanText: {size:,} words and buckets of width {width:,}")
        self.vectors = nn.Parameter(torch.randn(size, width) / width**0.5)
        hidden = [part for _ in range(layers) for part in (nn.Linear(width, width), nn.ReLU())]
        self.network = nn.Sequential(*hidden, nn.Linear(width, dim))
        # As long behind a layer as before it: else the biases outweigh the words.
        for part in self.network:
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=(2 / width) ** 0.5)
                nn.init.zeros_(part.bias)

    @classmethod
    def beside(cls, dim: int | None) -> dict[str, Any]:
        """Any size will do: that of the others."""
        return {} if dim is None else {"dim": dim}

    @classmethod
    def from_inputs(
        cls,
        queries: Sequence[str],
        documents: Sequence[str],
        *,
        dim: int = 512,
        width: int = 256,
        layers: int = 2,
        words: int = 65_536,
        buckets: int = 2**16,
    ) -> Self:
        """An encoder with a vector for each of the most frequent `words` of the inputs."""
        whole_number(words, "DanText: words")
        sides = [queries] if documents is queries else [queries, documents]
        counts = Counter(word for side in sides for text in side for word in split_words(text))
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(ordered[:words], dim, width, layers, buckets)

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """The rows of all words and bigrams, (t,), and how many each text has, (n,)."""
        check_texts(inputs, "prepare: inputs")
        found = [self.rows_of(text) for text in inputs]
        flat = np.fromiter((row for rows in found for row in rows), dtype=np.int64)
        return {
            "tokens": torch.from_numpy(flat),
            "lengths": torch.tensor([len(rows) for rows in found], dtype=torch.int64),
        }

    def rows_of(self, text: str) -> list[int]:
        """The rows of a text's words, then of its bigrams."""
        words = split_words(text)
        known = (self.rows[word] if word in self.rows else self._bucket(word) for word in words)
        return [*known, *(self._bucket(" ".join(pair)) for pair in pairwise(words))]

    def _bucket(self, token: str) -> int:
        return len(self.vocabulary) + zlib.crc32(token.encode("utf-8")) % self.buckets

    def forward(self, features: Features) -> Tensor:
        """One vector per text, (n, dim)."""
        lengths = features["lengths"]
        summed = nn.functional.embedding_bag(
            features["tokens"], self.vectors, lengths.cumsum(0) - lengths, mode="sum"
        )
        found: Tensor = self.network(summed / lengths.clamp(min=1).sqrt()[:, None])
        return found.float()
