"""An encoder of sparse vectors is measured by sparse products, and like its dense vectors."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from dipole.data import RetrievalData
from dipole.errors import InputError
from dipole.evaluation.tasks.searching import evaluate_retrieval

WORDS = ["open", "close", "read", "write", "file", "line", "disk", "socket", "list", "name", "key"]


class Counts:
    """A bag of words; where it may only be searched sparsely, `encode` fails."""

    def __init__(self, factor=1.0):
        self.factor, self.asked = factor, []

    def encode_sparse(self, texts, role, *, show_progress=False):
        self.asked.append(role)
        return csr_matrix(dense(texts) * np.float32(self.factor))


def dense(texts, role=""):
    return np.array([[t.split().count(w) for w in WORDS] for t in texts], dtype=np.float32)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    corpus = {f"d{i}": " ".join(rng.choice(WORDS, 6)) for i in range(150)}
    queries = {f"q{i}": " ".join(corpus[f"d{i}"].split()[:3]) for i in range(20)}
    return RetrievalData(corpus, queries, {f"q{i}": {f"d{i}": 1} for i in range(20)})


def test_the_measures_are_those_of_the_dense_vectors(data):
    sparse = Counts()
    found, wanted = evaluate_retrieval(sparse, data), evaluate_retrieval(dense, data)
    assert sparse.asked == ["query", "document"]
    assert found.run == wanted.run
    assert found.value("MRR@10") == wanted.value("MRR@10")
    assert 0.1 < found.value("MRR@10") < 1


@pytest.mark.parametrize(
    ("factor", "error"), [(0.0, "all 150 documents have the same vector"), (np.nan, "not finite")]
)
def test_vectors_that_mean_nothing(data, factor, error):
    with pytest.raises(InputError, match=error):
        evaluate_retrieval(Counts(factor), data)
