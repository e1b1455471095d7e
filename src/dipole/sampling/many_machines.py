"""The nearest of a corpus whose vectors many processes or machines look through, on Ray Data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dipole.encoders.many_machines import cluster, worker_options
from dipole.errors import InputError
from dipole.kernels.topk import top_k

# Vectors of one block: 64 MB at 256 dimensions.
ROWS = 65_536


def nearest(
    queries: np.ndarray,
    folders: list[str | Path],
    k: int,
    *,
    workers: int = 2,
    address: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k vectors with the largest dot product with every query, best first: scores and ids.

    Exact: every worker takes the best of its blocks (`kernels.top_k`), and these are merged here.
    Equal scores are ordered by id. Memory here: n (k + k of one block).

    Args:
        queries: (n, dim); the folders hold parquet with columns `id` and `vector`, as
            `encoders.many_machines.embed_corpus` writes them.

    Returns:
        scores (n, k) float32, -inf where there are fewer vectors; ids (n, k) of str, "" there.

    Example:
        >>> nearest(encoder.encode(texts), ["vectors/corpus.jsonl.vectors"], 10)  # doctest: +SKIP
    """
    if k < 1:
        raise InputError(f"k: found {k}, expected at least 1")
    for folder in folders:
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: no such folder; expected one of vectors (embed_corpus)")
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    n = len(queries)
    scores = np.full((n, 0), -np.inf, dtype=np.float32)
    ids = np.full((n, 0), "", dtype=object)
    with cluster(address, workers) as ray:
        blocks = ray.data.read_parquet([str(Path(folder).resolve()) for folder in folders])
        found = blocks.map_batches(
            _Nearest,
            fn_constructor_args=(ray.put(queries), k),
            batch_format="pyarrow",
            batch_size=ROWS,
            **worker_options(ray, workers),
        )
        for block in found.iter_batches(batch_format="pyarrow", batch_size=None):
            # A block holds one row per query and candidate, query by query.
            for start in range(0, len(block), n * k):
                part = block.slice(start, n * k)
                scores, ids = _merge(scores, ids, *_arrays(part, n), k)
    missing = k - scores.shape[1]
    if missing > 0:
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
        ids = np.pad(ids, ((0, 0), (0, missing)), constant_values="")
    return scores, ids


class _Nearest:
    """A worker: the queries, fetched once."""

    def __init__(self, queries: Any, k: int) -> None:
        import ray

        self.queries = ray.get(queries)
        self.k = k

    def __call__(self, block: Any) -> Any:
        import pyarrow as pa

        vectors = block["vector"].combine_chunks()
        dim = self.queries.shape[1]
        matrix = np.asarray(vectors.flatten(), dtype=np.float32).reshape(-1, dim)
        scores, places = top_k(self.queries, matrix, self.k)
        width = self.k - scores.shape[1]  # always k per query, so that blocks can be cut apart
        scores = np.pad(scores, ((0, 0), (0, width)), constant_values=-np.inf)
        names = np.asarray(block["id"].to_pylist(), dtype=object)
        found = np.pad(names[places], ((0, 0), (0, width)), constant_values="")
        return pa.table({"id": found.reshape(-1), "score": scores.reshape(-1)})


def _arrays(part: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    scores = part["score"].to_numpy().reshape(n, -1)
    return scores, np.asarray(part["id"].to_pylist(), dtype=object).reshape(n, -1)


def _merge(
    scores: np.ndarray, ids: np.ndarray, more: np.ndarray, named: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k best of both, whatever the order in which blocks arrive."""
    scores, ids = np.concatenate([scores, more], 1), np.concatenate([ids, named], 1)
    order = np.stack([np.lexsort((i, -s)) for s, i in zip(scores, ids, strict=True)])[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(ids, order, 1)
