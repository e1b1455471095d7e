"""Where candidates for negatives come from: the nearest texts of a pool, block by block."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from dipole.errors import InputError, optional
from dipole.files import write_text
from dipole.kernels.topk import DOCUMENT_ROWS, top_k
from dipole.sampling.pool import Pool

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

Method = Literal["auto", "exact", "ivf", "hnsw"]
Said = Callable[[str, int, int], None]  # what, done, of how many

# Texts encoded between two looks at the disk; vectors gathered for one block of scores.
_ENCODED = 16384
_GATHERED = 1 << 16
# Vectors read at once in an exact search.
_READ = DOCUMENT_ROWS
# Scores (anchors x texts) up to which looking at all of them takes minutes.
_EXACT = 2e10


class Found(NamedTuple):
    """The nearest texts of some anchors: places in the pool (-1: none), scores, the positive's."""

    documents: np.ndarray
    scores: np.ndarray
    own: np.ndarray


class Search(Protocol):
    """A first stage."""

    def nearest(self, anchors: Sequence[str], own: np.ndarray, k: int) -> Found:
        """The k best texts of every anchor, best first; `own`: places of their positives."""


class Judge(Protocol):
    """A teacher of pairs: says of every candidate how well it fits."""

    def scores(
        self, anchors: Sequence[str], own: np.ndarray, documents: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the positives (b,) and of the documents (b, k), where these are not -1."""


class PairScorer(Protocol):
    """A model that reads both texts at once (a cross-encoder)."""

    def score(self, first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        """One number per pair, (n,), higher is better."""


class TowerSearch:
    """Cosines of a tower's vectors, which lie in a file: memory is a block, not the pool.

    exact: every score, by `kernels.top_k`. ivf, hnsw: faiss finds the candidates among 16-bit
    vectors in memory (2 dim bytes a text), and their scores are then computed exactly. auto:
    exact up to 20 billion scores, then ivf.

    `folder` keeps the vectors; encoding goes on where it was stopped, if encoder and pool are the
    same, and begins anew if not. It is also a `Judge`.
    `workers`: copies of the encoder on Ray that encode the pool, at `address` or here; 0: none.
    """

    def __init__(
        self,
        encoder: Encoder,
        pool: Pool,
        folder: Path,
        *,
        method: Method = "auto",
        anchors: int = 0,
        workers: int = 0,
        address: str | None = None,
        said: Said | None = None,
    ) -> None:
        self.encoder = encoder
        self.vectors = _encoded(encoder, pool, folder, workers, address, said)
        if method == "auto":
            method = "exact" if anchors * len(pool) <= _EXACT else "ivf"
        self.method = method
        self._index = None if method == "exact" else _faiss_index(self.vectors, method)

    def nearest(self, anchors: Sequence[str], own: np.ndarray, k: int) -> Found:
        """The k texts of the largest cosine."""
        q = self._queries(anchors)
        if self._index is None:
            scores, documents = top_k(q, self.vectors, k, document_rows=_READ)
        else:
            _, documents = self._index.search(q, k)
            scores = np.where(documents < 0, -np.inf, self._cosines(q, documents))
            order = np.argsort(-scores, axis=1, kind="stable")
            scores = np.take_along_axis(scores, order, 1)
            documents = np.take_along_axis(documents, order, 1)
        return Found(documents, scores, self._cosines(q, own[:, None])[:, 0])

    def scores(
        self, anchors: Sequence[str], own: np.ndarray, documents: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of positives and documents."""
        q = self._queries(anchors)
        return self._cosines(q, own[:, None])[:, 0], self._cosines(q, documents)

    def _queries(self, anchors: Sequence[str]) -> np.ndarray:
        return _unit(self.encoder.encode(anchors, role="query"))

    def _cosines(self, q: np.ndarray, documents: np.ndarray) -> np.ndarray:
        found = np.empty(documents.shape, np.float32)
        rows = max(_GATHERED // max(documents.shape[1], 1), 1)
        for start in range(0, len(q), rows):
            part = slice(start, start + rows)
            gathered = self.vectors[documents[part].clip(min=0)]
            found[part] = np.einsum("bd,bkd->bk", q[part], gathered)
        return found


class WordSearch:
    """BM25: texts that share words with the anchor. Scores are not bounded; higher is better."""

    def __init__(self, pool: Pool) -> None:
        from dipole.lexical.bm25 import BM25

        self._bm25 = BM25(_Texts(pool))
        self._size = len(pool)

    def nearest(self, anchors: Sequence[str], own: np.ndarray, k: int) -> Found:
        """The k texts of the largest score; only those that share a word are found."""
        k = min(k, self._size)
        documents = np.full((len(anchors), k), -1, dtype=np.int64)
        scores = np.full((len(anchors), k), -np.inf, dtype=np.float32)
        positives = np.zeros(len(anchors), dtype=np.float32)
        for row, text in enumerate(anchors):
            every = self._bm25.scores(text)
            best = np.flatnonzero(every)
            if len(best) > k:
                best = best[every[best] >= np.partition(every[best], -k)[-k]]
            best = best[np.argsort(-every[best], kind="stable")[:k]]
            documents[row, : len(best)] = best
            scores[row, : len(best)] = every[best]
            positives[row] = every[own[row]]
        return Found(documents, scores, positives)


class PairJudge:
    """A pair scorer as a judge: reads every anchor with each of its candidates."""

    def __init__(self, scorer: PairScorer, pool: Pool) -> None:
        self._scorer = scorer
        self._pool = pool

    def scores(
        self, anchors: Sequence[str], own: np.ndarray, documents: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores of positives and documents, as the scorer gives them."""
        every = np.concatenate([own[:, None], documents], axis=1)
        row, column = np.nonzero(every >= 0)
        found = np.full(every.shape, -np.inf, dtype=np.float32)
        texts = self._pool.take(every[row, column])
        given = np.asarray(
            self._scorer.score([anchors[int(i)] for i in row], texts), dtype=np.float32
        )
        if given.shape != row.shape or not np.isfinite(given).all():
            raise InputError(
                f"pair scorer: found {given.shape} numbers, {int((~np.isfinite(given)).sum())} of "
                f"them not finite, for {len(row)} pairs; expected one finite number each"
            )
        found[row, column] = given
        return found[:, 0], found[:, 1:]


class _Texts(Mapping[str, str]):
    """A pool as the mapping BM25 reads once: place -> text, a block in memory at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __getitem__(self, place: str) -> str:
        return self._pool.take(np.array([int(place)]))[0]

    def __iter__(self) -> Iterator[str]:
        return (str(place) for place in range(len(self._pool)))

    def __len__(self) -> int:
        return len(self._pool)

    def values(self) -> Any:
        for start in range(0, len(self._pool), 1024):
            yield from self._pool.take(np.arange(start, min(start + 1024, len(self._pool))))


def _encoded(
    encoder: Encoder,
    pool: Pool,
    folder: Path,
    workers: int,
    address: str | None,
    said: Said | None,
) -> np.ndarray:
    """Unit vectors of the pool, (m, dim) float32, in a file that is filled block by block."""
    from dipole.encoders.base import fingerprint

    folder.mkdir(parents=True, exist_ok=True)
    path, done = folder / "vectors.npy", folder / "vectors.json"
    made_of = [fingerprint(encoder), pool.digest(), len(pool), encoder.dim]
    end = _done(done, made_of) if path.exists() else 0
    vectors = np.lib.format.open_memmap(
        path, mode="r+" if end else "w+", dtype=np.float32, shape=(len(pool), encoder.dim)
    )
    for block in _vectors(encoder, pool, end, workers, address):
        start, end = end, end + len(block)
        vectors[start:end] = _unit(block)
        vectors.flush()
        write_text(done, json.dumps({"made_of": made_of, "done": end}))
        if said is not None:
            said("encoding", end, len(pool))
    del vectors
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _done(path: Path, made_of: list[Any]) -> int:
    """How many vectors are there of this encoder and this pool."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return int(found["done"]) if found["made_of"] == made_of else 0


def _vectors(
    encoder: Encoder, pool: Pool, start: int, workers: int, address: str | None
) -> Iterator[np.ndarray]:
    """Vectors of the pool from a place on, block by block, made here or by workers."""
    if start == len(pool):
        return
    starts = range(start, len(pool), _ENCODED)
    blocks = (pool.take(np.arange(s, min(s + _ENCODED, len(pool)))) for s in starts)
    if workers:
        from dipole.encoders.many_machines import encode_blocks

        yield from encode_blocks(encoder, blocks, workers=workers, address=address)
    else:
        for block in blocks:
            yield encoder.encode(block)


def _faiss_index(vectors: np.ndarray, method: Method) -> Any:
    """An approximate index over 16-bit vectors, filled block by block."""
    faiss = optional("faiss", "mining")
    m, dim = vectors.shape
    cells = int(min(4 * m**0.5, m / 39)) or 1  # faiss wants 39 points to train a cell
    kind = f"IVF{cells},SQfp16" if method == "ivf" else "HNSW32_SQfp16"
    index = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
    if method == "ivf":
        step = max(m // (64 * cells), 1)
        index.nprobe = min(max(cells // 64, 16), cells)
        index.train(np.ascontiguousarray(vectors[::step]))
    else:
        index.train(np.ascontiguousarray(vectors[: min(m, 4096)]))
        index.hnsw.efSearch = 128
    for start in range(0, m, _ENCODED):
        index.add(np.ascontiguousarray(vectors[start : start + _ENCODED]))
    return index


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length == 0, 1, length)
