"""An encoder of a vector for each token is measured by MaxSim, and judges pairs by it."""

import numpy as np
import pytest

from dipole.data import Ranked, RetrievalData
from dipole.errors import InputError
from dipole.evaluation.tasks import token_search
from dipole.evaluation.tasks.registry import TASKS
from dipole.evaluation.tasks.searching import evaluate_retrieval

WORDS = ["open", "close", "read", "write", "file", "line", "disk", "socket", "list", "name", "key"]
VECTORS = np.eye(len(WORDS), dtype="f4")


class Tokens:
    """A word is a direction: MaxSim counts the words of a query that a document has."""

    def __init__(self, factor=1.0, shift=0.0):
        self.vectors = VECTORS * np.float32(factor) + np.float32(shift)

    def encode_tokens(self, texts, role, *, show_progress=False):
        return [self.vectors[[WORDS.index(w) for w in text.split()]] for text in texts]

    def score(self, first, second):
        return np.array([shared(a, b) for a, b in zip(first, second, strict=True)])


def shared(query, document):
    return float(sum(word in document.split() for word in query.split()))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    corpus = {f"d{i}": " ".join(rng.choice(WORDS, 6)) for i in range(60)}
    queries = {f"q{i}": " ".join(corpus[f"d{i}"].split()[:4]) for i in range(20)}
    return RetrievalData(corpus, queries, {f"q{i}": {f"d{i}": 1} for i in range(20)})


def test_the_run_is_that_of_a_loop(data, monkeypatch):
    monkeypatch.setattr(token_search, "ROWS", 17)
    found = evaluate_retrieval(Tokens(), data)
    for q, row in found.run.items():
        assert row == {d: shared(data.queries[q], data.corpus[d]) for d in row}
    assert 0.3 < found.value("MRR@10") < 1
    assert TASKS["retrieval"](Tokens(), data).run == found.run


@pytest.mark.parametrize(
    ("encoder", "error"),
    [
        (Tokens(0.0, 1.0), "all tokens of 60 documents have the same vector"),
        (Tokens(np.nan), "a vector of query 'q0' is not finite"),
    ],
)
def test_vectors_that_mean_nothing(data, encoder, error):
    with pytest.raises(InputError, match=error):
        evaluate_retrieval(encoder, data)


def test_lists_are_ordered_by_its_scores():
    columns = {
        "query": ["open file", "disk"], "candidates": [["open file", "disk"], ["list", "disk"]],
        "relevance": [[1, 0], [0, 1]],
    }  # fmt: skip
    lists = Ranked.from_columns(columns)
    assert TASKS["reranking"](Tokens(), lists).value("MRR") == 1.0
