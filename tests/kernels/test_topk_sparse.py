"""Top-k of sparse products = that of the dense vectors."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from dipole.errors import InputError
from dipole.kernels.topk import top_k
from dipole.kernels.topk_sparse import top_k_sparse


def drawn(rows, seed, dim=30):
    rng = np.random.default_rng(seed)
    # Small whole numbers: sums are exact, and many scores are equal.
    return (rng.integers(1, 4, (rows, dim)) * (rng.random((rows, dim)) < 0.1)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("tile", [(3, 4), (1024, 8192)])
def test_it_is_top_k_of_the_dense_vectors(k, tile):
    queries, documents = drawn(7, 0), drawn(33, 1)
    wanted = top_k(queries, documents, k)
    blocks = [csr_matrix(documents[:10]), csr_matrix(documents[10:])]
    found = top_k_sparse(csr_matrix(queries), blocks, k, query_rows=tile[0], document_rows=tile[1])
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])
    assert found[0].dtype == np.float32


def test_wrong_sizes():
    with pytest.raises(InputError, match="k is 0"):
        top_k_sparse(csr_matrix((1, 3)), [], 0)
    with pytest.raises(InputError, match=r"documents have shape \(2, 4\); expected \(m, 3\)"):
        top_k_sparse(csr_matrix((1, 3)), [csr_matrix((2, 4))], 1)
