import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.kernels.topk import top_k


def naive(queries, documents, k):
    """The whole matrix and a full sort by (-score, index)."""
    scores = queries @ documents.T
    order = np.array([sorted(range(len(documents)), key=lambda j: (-row[j], j)) for row in scores])
    order = order.reshape(len(queries), -1)[:, :k]
    return np.take_along_axis(scores, order, 1), order


@settings(deadline=None, max_examples=150)
@given(
    n=st.integers(1, 7),
    m=st.integers(1, 40),
    k=st.integers(1, 45),
    query_rows=st.integers(1, 8),
    document_rows=st.integers(1, 41),
    levels=st.sampled_from([1, 2, 5, 1000]),
    seed=st.integers(0, 2**16),
)
def test_equals_full_sort_with_ties(n, m, k, query_rows, document_rows, levels, seed):
    # Small integers: products are exact, ties are many, so the order of ties is really tested.
    rng = np.random.default_rng(seed)
    queries = rng.integers(-levels, levels, (n, 3)).astype(np.float32)
    documents = rng.integers(-levels, levels, (m, 3)).astype(np.float32)
    scores, indices = top_k(
        queries, documents, k, query_rows=query_rows, document_rows=document_rows
    )
    expected_scores, expected = naive(queries, documents, k)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("order", ["rising", "falling", "constant"])
def test_worst_orders(order):
    # Rising: every document of every block enters the result.
    value = {"rising": np.arange(500.0), "falling": -np.arange(500.0), "constant": np.ones(500)}
    documents = value[order][:, None]
    _, indices = top_k(np.ones((3, 1)), documents, 7, document_rows=64)
    expected = [499, 498, 497, 496, 495, 494, 493] if order == "rising" else list(range(7))
    assert indices.tolist() == [expected] * 3


def test_array_memory_map_and_blocks_agree(tmp_path):
    rng = np.random.default_rng(0)
    queries = rng.integers(-9, 9, (20, 8)).astype(np.float32)
    documents = rng.integers(-9, 9, (300, 8)).astype(np.float16)
    np.save(tmp_path / "d.npy", documents)
    mapped = np.load(tmp_path / "d.npy", mmap_mode="r")
    blocks = (documents[i : i + 37] for i in range(0, 300, 37))
    for source in (mapped, blocks, documents.astype(np.float64)):
        scores, indices = top_k(queries, source, 9, document_rows=50)
        assert scores.dtype == np.float32
        np.testing.assert_array_equal(indices, naive(queries, documents.astype(np.float32), 9)[1])


def test_float64_queries_keep_float64():
    # The two documents differ by less than float32 can show.
    documents = np.array([[1.0], [1.0 + 1e-12]])
    assert top_k(np.ones((1, 1)), documents, 2)[1].tolist() == [[1, 0]]


def test_nothing_to_search():
    scores, indices = top_k(np.ones((2, 3)), iter(()), 5)
    assert scores.shape == indices.shape == (2, 0)
    assert top_k(np.ones((0, 3)), np.ones((4, 3)), 2)[1].shape == (0, 2)


@pytest.mark.parametrize(
    ("queries", "documents", "k", "match"),
    [
        (np.ones((2, 3)), np.ones((4, 3)), 0, "k is 0"),
        (np.ones((2, 3)), np.ones((4, 2)), 1, r"documents have shape \(4, 2\); expected \(m, 3\)"),
        (np.ones(3), np.ones((4, 3)), 1, r"queries have shape \(3,\)"),
        (np.ones((2, 3)), np.ones(3), 1, r"documents have shape \(3,\)"),
        (np.full((2, 3), np.nan), np.ones((4, 3)), 1, "queries hold a value that is not finite"),
        (np.ones((2, 3)), np.full((4, 3), np.inf), 1, "documents hold a value that is not finite"),
    ],
)
def test_bad_input(queries, documents, k, match):
    with pytest.raises(InputError, match=match):
        top_k(queries, documents, k)


def test_large_finite_values_are_no_error():
    # Their sum overflows, they themselves are finite.
    assert top_k(np.full((1, 2), 1.0), np.full((4, 2), 3e38, np.float32), 1)[1].tolist() == [[0]]


def test_memory_does_not_grow_with_the_matrix(tmp_path):
    """60,000 documents x 1,500 queries: the matrix would be 360 MB, the corpus is on disk."""
    n, m, dim, k = 1500, 60_000, 64, 100
    program = f"""
        import resource, numpy as np
        from dipole.kernels.topk import top_k
        rng = np.random.default_rng(0)
        def blocks(rows):
            for start in range(0, rows, 5000):
                yield rng.standard_normal((5000, {dim}), dtype=np.float32)
        q = rng.standard_normal(({n}, {dim}), dtype=np.float32)
        tile = dict(query_rows=256, document_rows=2048)
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        top_k(q[:256], blocks(5000), {k}, **tile)
        before = peak()
        top_k(q, blocks({m}), {k}, **tile)
        print(peak() - before)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    grown = float(out.stdout)
    results = 4 * n * k * 12 / 2**20  # running, new, and the caller's; generous
    block = 2 * 5000 * dim * 4 / 2**20
    tiles = 4 * 256 * 2048 * 4 / 2**20
    assert grown < results + block + tiles
    assert grown < n * m * 4 / 2**20 / 4
