"""Search with an encoder of sparse vectors, by exact products of sparse matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import ENCODE_ROWS
from dipole.kernels.topk_sparse import top_k_sparse

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def search_sparse(
    encoder: Any, queries: Mapping[str, str], corpus: Mapping[str, str], k: int, system: str,
    show_progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Scores and places of the k best documents for every query, as `top_k` gives them.

    Documents are encoded 65,536 at a time.

    Raises InputError: vectors that are not finite, or the same for all documents.
    """

    def encode(texts: list[str], ids: list[str], role: str) -> csr_matrix:
        found = encoder.encode_sparse(texts, role, show_progress=show_progress).tocsr()
        bad = np.flatnonzero(~np.isfinite(found.data))
        if len(bad):
            row = int(np.searchsorted(found.indptr, bad[0], side="right")) - 1
            raise InputError(
                f"{system}: the vector of {role} {ids[row]!r} is not finite; expected numbers"
            )
        return found

    def blocks() -> Iterator[csr_matrix]:
        ids, texts = list(corpus), iter(corpus.values())
        first, differ = None, len(ids) == 1
        for start in range(0, len(ids), ENCODE_ROWS):
            part = ids[start : start + ENCODE_ROWS]
            block = encode(list(islice(texts, ENCODE_ROWS)), part, "document")
            first = block[0] if first is None else first
            differ = differ or _differ(block, first)
            yield block
        if not differ:
            raise InputError(
                f"{system}: all {len(ids)} documents have the same vector; expected vectors that "
                "differ (the model has collapsed, or a regulariser has made all weights 0)"
            )

    asked = encode(list(queries.values()), list(queries), "query")
    return top_k_sparse(asked, blocks(), k)


def _differ(block: csr_matrix, row: csr_matrix) -> bool:
    """Whether some row is another than this one, beyond the rounding of float32."""
    sizes, dense = np.diff(block.indptr), row.toarray()[0]
    if (sizes != row.nnz).any():
        return True
    return bool((np.abs(block.data - dense[block.indices]) > 1e-6 * max(dense.max(), 1)).any())
