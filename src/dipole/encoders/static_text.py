"""A text tower without a transformer: a weighted sum of token vectors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.folder import (
    read_json,
    read_weights,
    require,
    write_json,
    write_weights,
)
from dipole.encoders.words import Subwords, Tokens, Words
from dipole.errors import InputError

# Positions share a weight from one edge to the next: [0], [1], [2], [3], [4, 5], ... [512, ...].
EDGES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512])
_BUCKETS = len(EDGES) + 1
_ROLES: tuple[Role, Role] = ("query", "document")
_CACHED_TEXTS = 16_384


class StaticText(Encoder):
    r"""Token vectors with learned weights, summed: v = norm( sum_t w_rt a_rt e_t ).

        a_rt = sum_b p_rb log(1 + count of t in the positions of bucket b)

    e_t (dim) are the token vectors; w_rt is one weight per token and role (query, document), which
    begins as idf^0.4; p_rb is one weight per role and bucket of positions, which begins as
    (1 + position)^-decay. In training mode each token of a text is left out with probability
    `dropout`: two encodings of one text are two views of it.

    A text without tokens is the zero vector.

    `linear` leaves all of that out but the token weights, shared by both roles:
    v = norm( sum over occurrences of w_t e_t ). Only this form, over a `tokenizers` tokenizer, is
    what sentence-transformers calls a StaticEmbedding, so only it is saved as a folder that
    sentence-transformers loads too. Saturated counts, positions, two roles and hashed words have
    no counterpart there.

    Shapes: texts (n) -> (n, dim).

    Example:
        >>> encoder = StaticText.from_texts(["read a file"], ["def read(path): ..."], dim=64)
        >>> encoder.encode(["how to read files"], role="query").shape
        (1, 64)
    """

    training_defaults: ClassVar[dict[str, Any]] = {
        "batch_size": 512,
        "epochs": 10.0,
        "learning_rate": 2e-3,
        "schedule": "constant",
    }
    # Few numbers that many texts share move faster than a vector that few texts share.
    rate_factors: ClassVar[dict[str, float]] = {"token_weights": 2.5, "position_weights": 5.0}

    def __init__(
        self, tokens: Tokens, *, dim: int, dropout: float = 0.3, linear: bool = False
    ) -> None:
        super().__init__()
        if dim < 1:
            raise InputError(f"dim is {dim}; expected 1 or more")
        if not 0 <= dropout < 1:
            raise InputError(f"dropout is {dropout}; expected 0 or more and less than 1")
        self.tokens = tokens
        self.dim = dim
        self.dropout = dropout
        self.linear = linear
        self.token_vectors = nn.Parameter(torch.randn(tokens.size, dim) / math.sqrt(dim))
        self.token_weights = nn.Parameter(torch.ones(1 if linear else 2, tokens.size))
        if not linear:
            self.position_weights = nn.Parameter(torch.zeros(2, _BUCKETS))  # logarithms
        self._counted = lru_cache(_CACHED_TEXTS)(self._count)

    @classmethod
    def from_texts(
        cls,
        queries: Iterable[str],
        documents: Iterable[str],
        *,
        tokens: Literal["words", "subwords"] = "words",
        dim: int = 512,
        dropout: float = 0.3,
        decay: tuple[float, float] = (0.0, 0.0),
        linear: bool = False,
    ) -> StaticText:
        """A new encoder with the vocabulary and the idf of some texts, and random vectors.

        Args:
            tokens: "words" with their pieces of three letters, unseen ones hashed; or "subwords",
                a byte-pair encoding learned from the texts.
            dim: length of a vector.
            dropout: share of the tokens left out of a text in training.
            decay: how fast the weight of a position falls at first, for queries and documents:
                (1 + position)^-decay. 1 suits code, whose name stands first.
            linear: see the class.
        """
        queries, documents = list(queries), list(documents)
        if tokens not in ("words", "subwords"):
            raise InputError(f"tokens is {tokens!r}; expected 'words' or 'subwords'")
        texts = [*queries, *documents]
        vocabulary = Words.of(texts) if tokens == "words" else Subwords.of(texts)
        encoder = cls(vocabulary, dim=dim, dropout=dropout, linear=linear)
        frequency = np.zeros(encoder.tokens.size)
        for text in documents:
            frequency[np.unique(encoder.tokens(text)[0])] += 1
        n = len(documents)
        idf = np.log(1 + (n - frequency + 0.5) / (frequency + 0.5)) ** 0.4
        with torch.no_grad():
            encoder.token_weights.copy_(torch.from_numpy(idf).expand_as(encoder.token_weights))
            if not linear:
                first = torch.from_numpy(np.concatenate(([0], EDGES)))  # position of a bucket
                encoder.position_weights.copy_(-torch.tensor(decay)[:, None] * first.log1p())
        return encoder

    @classmethod
    def from_vectors(cls, tokenizer: Any, vectors: np.ndarray | Tensor) -> StaticText:
        """A linear encoder on given vectors, (tokens, dim), of a `tokenizers` tokenizer."""
        given = torch.as_tensor(vectors, dtype=torch.float32)
        tokens = Subwords(tokenizer)
        if given.ndim != 2 or len(given) != tokens.size:
            raise InputError(
                f"vectors: found shape {tuple(given.shape)}; expected ({tokens.size}, dim), "
                "a row for every token of the tokenizer"
            )
        encoder = cls(tokens, dim=given.shape[1], linear=True)
        with torch.no_grad():
            encoder.token_vectors.copy_(given)
        return encoder

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Which tokens each text has, where and how often.

        One entry per (text, token, bucket of positions): bucket and count, and which slot it adds
        to; one slot per (text, token): its row; offsets (n), the first slot of each text.
        """
        counted = [self._counted(text) for text in inputs]
        sizes = np.array([len(rows) for rows, _, _, _ in counted], dtype=np.int64)
        offsets = np.cumsum(sizes) - sizes
        slots = [slot + offset for (_, slot, _, _), offset in zip(counted, offsets, strict=True)]
        return {
            "rows": _joined([rows for rows, _, _, _ in counted], np.int64),
            "slots": _joined(slots, np.int64),
            "buckets": _joined([buckets for _, _, buckets, _ in counted], np.int64),
            "counts": _joined([counts for _, _, _, counts in counted], np.float32),
            "offsets": torch.from_numpy(offsets),
            "role": torch.tensor(_ROLES.index(role)),
        }

    def forward(self, features: Features) -> Tensor:
        """Vectors of length 1, (n, dim); zero for a text without tokens."""
        rows, role, counts = features["rows"], features["role"], features["counts"]
        if self.linear:
            amounts, weights = counts, self.token_weights[0]
        else:
            places = self.position_weights[role].exp()[features["buckets"]]
            amounts, weights = places * counts.log1p(), self.token_weights[role]
        per_token = amounts.new_zeros(len(rows)).index_add(0, features["slots"], amounts)
        per_token = F.dropout(per_token * weights[rows], self.dropout, self.training)
        summed = F.embedding_bag(
            rows, self.token_vectors, features["offsets"], mode="sum", per_sample_weights=per_token
        )
        return F.normalize(summed, dim=-1)

    def settings(self) -> dict[str, Any]:
        """What beside the weights decides the vectors."""
        own = {"encoder": "StaticText", "dim": self.dim, "linear": self.linear}
        if isinstance(self.tokens, Words):
            return own | {"tokens": self.tokens.tokens}
        return own | {"tokenizer": json.loads(self.tokens.tokenizer.to_str())}

    def weights(self) -> dict[str, Tensor]:
        """The tensors that are saved; a StaticEmbedding has its weights in its vectors."""
        if not self.is_embedding:
            return dict(self.state_dict())
        folded = self.token_vectors * self.token_weights[0, :, None]
        return {"embedding.weight": folded.detach()}

    @property
    def is_embedding(self) -> bool:
        """Whether this is what sentence-transformers calls a StaticEmbedding."""
        return self.linear and isinstance(self.tokens, Subwords)

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load` reads; a linear one, sentence-transformers too."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "model.safetensors", self.weights())
        config = {"encoder": "StaticText", "dim": self.dim, "linear": self.linear}
        config |= {"tokens": self.tokens.kind, "dropout": self.dropout}
        write_json(folder / "config.json", config)
        if isinstance(self.tokens, Words):
            write_json(folder / "tokens.json", self.tokens.tokens)
            return
        self.tokens.tokenizer.save(str(folder / "tokenizer.json"))
        if self.is_embedding:
            write_json(folder / "modules.json", _MODULES)

    @classmethod
    def load(cls, folder: str | Path) -> StaticText:
        """An encoder from a folder, also from one of sentence-transformers' StaticEmbedding."""
        folder = Path(folder)
        path = folder / "config.json"
        config = read_json(path) if path.is_file() else {}
        if "encoder" not in config:
            module = folder / read_json(require(folder, "modules.json"))[0]["path"]
            return _read_embedding(module)
        if config["linear"] and config["tokens"] == Subwords.kind:
            return _read_embedding(folder, config["dropout"])
        tokens: Tokens
        if config["tokens"] == Words.kind:
            tokens = Words(read_json(require(folder, "tokens.json")))
        else:
            tokens = Subwords(_read_tokenizer(folder))
        encoder = cls(tokens, dim=config["dim"], dropout=config["dropout"], linear=config["linear"])
        weights = read_weights(require(folder, "model.safetensors"))
        try:
            encoder.load_state_dict(weights)
        except RuntimeError as error:
            reason = str(error).split("\n")[1].strip()
            raise InputError(f"{folder / 'model.safetensors'}: {reason}") from None
        return encoder

    def _count(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(rows of the distinct tokens, slot, bucket and count of every entry) of one text."""
        rows, positions = self.tokens(text)
        width = 1 if self.linear else _BUCKETS
        buckets = 0 if self.linear else np.searchsorted(EDGES, positions, side="right")
        entries, counts = np.unique(rows * width + buckets, return_counts=True)
        distinct, slots = np.unique(entries // width, return_inverse=True)
        return distinct, slots, entries % width, counts.astype(np.float32)


_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding"},
    {
        "idx": 1,
        "name": "1",
        "path": "1_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]


def _read_embedding(folder: Path, dropout: float = 0.0) -> StaticText:
    weights = read_weights(require(folder, "model.safetensors"))
    if "embedding.weight" not in weights:
        raise InputError(
            f"{folder / 'model.safetensors'}: found {', '.join(weights) or 'nothing'}; "
            "expected embedding.weight"
        )
    encoder = StaticText.from_vectors(_read_tokenizer(folder), weights["embedding.weight"])
    encoder.dropout = dropout
    return encoder


def _read_tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = require(folder, "tokenizer.json")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises Exception itself
        raise InputError(f"{path}: not a tokenizer ({error})") from None


def _joined(parts: list[np.ndarray], dtype: type) -> Tensor:
    whole = np.concatenate(parts) if parts else np.zeros(0)
    return torch.from_numpy(whole.astype(dtype, copy=False))
