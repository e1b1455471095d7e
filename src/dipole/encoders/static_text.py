"""A bag of tokens with learned weights: the encoder that trains on a CPU in a minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data.inputs import batch_of, check_texts, real_number, whole_number
from dipole.data.options import check_memory
from dipole.encoders.base import Encoder, Features, Role
from dipole.encoders.dropout import rate_of
from dipole.encoders.static_folder import (
    TABLE,
    folded,
    is_portable,
    read_static,
    write_router,
    write_static,
)
from dipole.encoders.text_bags import PLACES, Bag, bag_of, join
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.text_hashing import HashedWords
from dipole.errors import InputError
from dipole.kernels.draws import DRAWS, kept

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Pooling = Literal["sublinear", "linear"]

# Tokens whose bags are remembered while training: some 400 MB.
_REMEMBERED = 20_000_000
# Texts that vocabulary and first weights are counted on, at most.
_COUNTED = 200_000


class StaticText(Encoder):
    """Text -> the weighted sum of its tokens' vectors, normalised.

        sublinear:  v = sum over (token t, place p) of  log(1 + n_tp) a_p w_t e_t
        linear:     v = sum over tokens t of  n_t w_t e_t

    n_t is how often t stands in the text, n_tp how often at place p: the first, second ... word,
    later ones in groups that grow (`PLACES`). e_t is learned, w_t and a_p are learned for queries
    and documents apart (unless `shared`). In train mode each token is left out with the
    probability `dropout`: that is the view. A text without tokens has the zero vector.

    Made by `from_texts` (from scratch), `from_vectors` or `load`. `save` writes the layout of
    sentence-transformers where that library can compute the same: `linear`, `shared`, byte-pair
    pieces; else a folder that only dipole reads. `export_sentence_transformers` also writes
    separate roles, and says why not where it cannot.

    Example:
        >>> encoder = StaticText.from_texts(["open a file"], ["def open(path): ..."], dim=64)
        >>> encoder.encode(["opens files"], role="query").shape
        (1, 64)
    """

    reads: ClassVar[str] = "texts"
    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "batch_size": 512,
        "epochs": 8.0,
        "learning_rate": 3e-3,
        "schedule": "linear",
    }
    shows = ("tokens", "mask")
    # Few numbers that every text touches may move faster than the many vectors.
    rate_factors: ClassVar[dict[str, float]] = {"token_weights": 2.0, "place_weights": 4.0}

    def __init__(
        self,
        tokenizer: HashedWords | Pieces,
        dim: int,
        *,
        pooling: Pooling = "sublinear",
        shared: bool = False,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if pooling not in ("sublinear", "linear"):
            raise InputError(f"StaticText: pooling is {pooling!r}; expected sublinear or linear")
        if not 0 <= real_number(dropout, "StaticText: dropout") < 1:
            raise InputError(f"StaticText: dropout is {dropout}; expected 0 up to below 1")
        numbers = tokenizer.size * whole_number(dim, "StaticText: dim")
        check_memory(numbers, f"StaticText: {tokenizer.size:,} tokens of dim {dim:,}")
        self.tokenizer = tokenizer
        self.dim = dim
        self.pooling = pooling
        self.shared = shared
        self.dropout = dropout
        roles = 1 if shared else 2
        self.vectors = nn.Parameter(torch.randn(tokenizer.size, dim) / dim**0.5)
        self.token_weights = nn.Parameter(torch.ones(roles, tokenizer.size))
        if pooling == "sublinear":  # log a_p
            self.place_weights = nn.Parameter(torch.zeros(roles, len(PLACES)))
        self._bags: dict[str, Bag] = {}
        self._remembered = 0

    @classmethod
    def beside(cls, dim: int | None) -> dict[str, Any]:
        """Any size will do: that of the others."""
        return {} if dim is None else {"dim": dim}

    @classmethod
    def from_texts(
        cls,
        queries: Sequence[str],
        documents: Sequence[str],
        *,
        dim: int = 512,
        tokenizer: Literal["hashed", "bpe"] = "hashed",
        vocabulary: int | None = None,
        grams: Sequence[int] = (3,),
        buckets: int = 8192,
        pooling: Pooling | None = None,
        shared: bool | None = None,
        dropout: float = 0.3,
        idf_power: float = 0.2,
        decay: tuple[float, float] = (0.0, 0.0),
    ) -> StaticText:
        """An encoder for these texts: its vocabulary, random vectors and first weights.

            w_t = idf_t ^ idf_power,  idf_t = log(1 + (N - N_t + 0.5) / (N_t + 0.5)) over documents
            a_p = (1 + p) ^ -decay

        Random vectors are nearly orthogonal, so before training a cosine says how many weighted
        tokens two texts share. Draws from torch's generator.

        Args:
            queries, documents: the texts of both roles, in any order.
            dim: dimensions of the vectors.
            tokenizer: "hashed" (words and their n-grams), or "bpe" (byte-pair pieces).
            vocabulary: tokens with a row of their own, at most; 65,536, for "bpe" 8,192.
            grams, buckets: of `HashedWords`.
            pooling, shared: by default what finds best for "hashed" (sublinear, separate roles),
                and what sentence-transformers can load for "bpe" (linear, shared).
            decay: how fast weights fall along queries and along documents, at first. (0.5, 1)
                suits code, where a name stands first and says most; descriptions do not fall.

        Raises:
            InputError: no texts, or an option that is none.
        """
        queries = batch_of(queries, "StaticText.from_texts: queries")
        documents = batch_of(documents, "StaticText.from_texts: documents")
        if vocabulary is not None:
            whole_number(vocabulary, "StaticText: vocabulary")
        asked, answers = list(_sample(queries)), list(_sample(documents))
        check_texts(asked, "StaticText.from_texts: queries")
        check_texts(answers, "StaticText.from_texts: documents")
        texts = asked + answers
        if not texts:
            raise InputError("StaticText.from_texts: found no texts; expected some to learn from")
        made: HashedWords | Pieces
        if tokenizer == "hashed":
            made = HashedWords.from_texts(texts, vocabulary or 65_536, grams, buckets)
        elif tokenizer == "bpe":
            made = Pieces.from_texts(texts, vocabulary or 8192)
        else:
            raise InputError(f"StaticText: tokenizer is {tokenizer!r}; expected hashed or bpe")
        plain = tokenizer == "bpe"
        idf_power = real_number(idf_power, "StaticText: idf_power")
        decay = (real_number(decay[0], "StaticText: decay"), real_number(decay[1], "decay"))
        self = cls(
            made,
            dim,
            pooling=pooling or ("linear" if plain else "sublinear"),
            shared=plain if shared is None else shared,
            dropout=dropout,
        )
        with torch.no_grad():
            idf = torch.from_numpy(_idf(made, answers))
            self.token_weights.copy_(idf.float().pow(idf_power).expand_as(self.token_weights))
            if self.pooling == "sublinear":
                fall = torch.tensor(decay[-1:] if self.shared else decay)[:, None]
                self.place_weights.copy_(-fall * torch.log1p(torch.tensor(PLACES))[None])
        return self

    from_inputs = from_texts

    @classmethod
    def from_vectors(
        cls,
        tokenizer: Tokenizer | Pieces | str | Path,
        vectors: np.ndarray | Tensor,
        *,
        pooling: Pooling = "linear",
        shared: bool = True,
        dropout: float = 0.3,
    ) -> StaticText:
        """An encoder with given vectors, (tokens, dim), a row per token id; all weights are 1.

        Args:
            tokenizer: of the library `tokenizers`, or the path of its `tokenizer.json`.

        Raises:
            InputError: not as many rows as the tokenizer has ids.
        """
        if isinstance(tokenizer, str | Path):
            tokenizer = Pieces.read(tokenizer)
        elif not isinstance(tokenizer, Pieces):
            tokenizer = Pieces(tokenizer)
        given = torch.as_tensor(vectors, dtype=torch.float32)
        if given.ndim != 2 or len(given) != tokenizer.size:
            raise InputError(
                f"StaticText.from_vectors: vectors are {tuple(given.shape)}; "
                f"expected ({tokenizer.size}, dim), a row per token id"
            )
        self = cls(tokenizer, given.shape[1], pooling=pooling, shared=shared, dropout=dropout)
        with torch.no_grad():
            self.vectors.copy_(given)
        return self

    @classmethod
    def can_read(cls, value: Any) -> bool:
        """Whether an input is a text."""
        return isinstance(value, str)

    def check(self, inputs: Sequence[Any], role: Role) -> None:
        """Inputs must be texts."""
        check_texts(inputs, "encode: inputs")

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        """Bags as flat arrays: tokens, counts, places (t,), offsets (n,); role 0 or 1."""
        check_texts(inputs, "prepare: inputs")
        features = join(self._bags_of(inputs))
        features["role"] = torch.tensor(0 if role == "query" or self.shared else 1)
        return features

    def _bags_of(self, inputs: Sequence[str]) -> list[Bag]:
        """The bag of every text; while training they are remembered for the next epoch."""
        bags: list[Bag | None] = [self._bags.get(text) for text in inputs]
        new = [i for i, bag in enumerate(bags) if bag is None]
        for i, (tokens, positions) in zip(
            new, self.tokenizer([inputs[i] for i in new]) if new else [], strict=True
        ):
            bag = bag_of(tokens, positions, by_place=self.pooling == "sublinear")
            bags[i] = bag
            if self.training and self._remembered + len(bag.tokens) <= _REMEMBERED:
                self._remembered += len(bag.tokens)
                self._bags[inputs[i]] = bag
        return [bag for bag in bags if bag is not None]

    def outputs(self, features: Features, names: Sequence[str]) -> dict[str, Tensor]:
        """Vectors, and the weighted vectors of tokens that they are the sums of; of a text without
        any one token, zero."""
        weights = self._weights(features)
        flat = self.vectors[features["tokens"]] * weights[:, None]
        ends = torch.cat([features["offsets"], weights.new_tensor([len(weights)]).long()])
        lengths = ends.diff()
        places = torch.arange(max(int(lengths.max()), 1), device=flat.device)
        there = places < lengths[:, None]
        tokens = flat.new_zeros(*there.shape, self.dim)
        tokens[there] = flat
        stays = torch.zeros_like(there)
        stays[there] = weights != 0  # those that dropout leaves out are none
        stays[:, 0] |= ~stays.any(1)
        return {"vectors": self._unit(tokens.sum(1)), "tokens": tokens, "mask": stays}

    def forward(self, features: Features) -> Tensor:
        """One unit vector per text, (n, dim); zero for a text without tokens."""
        summed = nn.functional.embedding_bag(
            features["tokens"],
            self.vectors,
            features["offsets"],
            mode="sum",
            per_sample_weights=self._weights(features),
        )
        return self._unit(summed)

    def _unit(self, summed: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(summed, dim=-1, keepdim=True)
        return summed / norm.masked_fill(norm == 0, 1.0)

    def _weights(self, features: Features) -> Tensor:
        """The weight of every token of every text, one text after the other, (t,)."""
        role, tokens, counts = features["role"], features["tokens"], features["counts"]
        weights = self.token_weights[role][tokens]
        if self.pooling == "sublinear":
            weights = weights * self.place_weights[role].exp()[features["places"]]
            counts = torch.log1p(counts)
        asked = rate_of(features)
        rate = self.dropout if asked is None else asked
        if self.training and rate:
            counts = counts * self._kept(features, rate)
        found: Tensor = weights * counts
        return found

    def keyed(self, features: Features, keys: Tensor) -> Features:
        """With the numbers that decide which tokens of a text are left out."""
        return features | {DRAWS: keys}

    def _kept(self, features: Features, rate: float) -> Tensor:
        """0 for the tokens that are left out and 1 / (1 - rate) for the others, (t,)."""
        count = len(features["tokens"])
        if DRAWS in features:
            stays = kept(features[DRAWS], features["offsets"], count, rate)
        else:
            stays = torch.rand(count, device=self.device) >= rate
        return stays.to(self.vectors.dtype).mul_(1 / (1 - rate))

    def settings(self) -> dict[str, Any]:
        """What beside the weights decides the vectors."""
        return {
            "encoder": "StaticText",
            "dim": self.dim,
            "pooling": self.pooling,
            "shared": self.shared,
            "tokenizer": self.tokenizer.settings(),
        }

    def weights(self) -> dict[str, Tensor]:
        """What `save` keeps: one table if that says all, else parameters and known tokens."""
        if is_portable(self):
            return {TABLE: folded(self)}
        kept = dict(self.state_dict())
        if isinstance(self.tokenizer, HashedWords):
            kept["known"] = torch.from_numpy(self.tokenizer.known)
        return kept

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors`, `config.json` and, with byte-pair pieces, `tokenizer.json`.

        A `linear`, `shared` encoder of pieces is written so that sentence-transformers loads it;
        its token weights are then part of its vectors, and 1 when it is loaded again.
        """
        write_static(self, Path(folder))

    def export_sentence_transformers(self, folder: str | Path) -> None:
        """Write a folder that sentence-transformers loads and encodes with identically.

        A StaticEmbedding, or a Router with one for each role, then Normalize.

        Raises:
            InputError: hashed tokens or sublinear pooling, which no module of theirs computes.
        """
        if isinstance(self.tokenizer, HashedWords):
            raise InputError(
                "StaticText: found hashed tokens, which no tokenizer of sentence-transformers "
                "makes; expected tokenizer='bpe' for an export"
            )
        if self.pooling != "linear":
            raise InputError(
                "StaticText: found sublinear pooling, and a StaticEmbedding takes plain means; "
                "expected pooling='linear' for an export"
            )
        (write_static if is_portable(self) else write_router)(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> StaticText:
        """Read what `save` wrote, or a folder of sentence-transformers with a StaticEmbedding."""
        return read_static(cls, Path(folder))


def _sample(texts: Sequence[str]) -> Iterator[str]:
    """All texts, or evenly spread ones if there are very many."""
    for i in range(0, len(texts), -(-len(texts) // _COUNTED) or 1):
        yield texts[i]


def _idf(tokenizer: HashedWords | Pieces, documents: Sequence[str]) -> np.ndarray:
    """log(1 + (N - N_t + 0.5) / (N_t + 0.5)) of every row, N_t documents of N having it."""
    found = np.zeros(tokenizer.size)
    for start in range(0, len(documents), 1024):
        for rows, _ in tokenizer(documents[start : start + 1024]):
            found[np.unique(rows)] += 1
    return np.log1p((len(documents) - found + 0.5) / (found + 0.5))
