import numpy as np
import pytest

from dipole.data import Ranked
from dipole.errors import InputError
from dipole.evaluation.tasks import reranking
from dipole.evaluation.tasks.reranking import evaluate_reranking

SCORES = {"good": 0.9, "fair": 0.5, "bad": 0.1, "worse": -0.2}


def encode(texts, role):
    """Queries are (1, 0), so that the score of a candidate is its first number."""
    assert role in ("query", "document")
    if role == "query":
        return np.array([[2.0, 0.0]] * len(texts))
    return np.array([[SCORES[text], 1.0] for text in texts])


def ranked(*rows):
    queries, candidates, relevance = zip(*rows, strict=True)
    return Ranked.from_columns(
        {"query": list(queries), "candidates": list(candidates), "relevance": list(relevance)}
    )


def dcg(gains):
    return sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def test_by_hand():
    data = ranked(
        ("a", ["bad", "good", "fair"], [1.0, 0.0, 1.0]),  # ranks 3 and 2
        ("b", ["good", "worse"], [3.0, 1.0]),  # in the best order
        ("c", ["bad", "fair", "good", "worse"], [0.0, 0.0, 0.0, 2.0]),  # the last one
    )
    result = evaluate_reranking(encode, data, system="mine")
    assert result.per_item["MAP"].tolist() == pytest.approx([(1 / 2 + 2 / 3) / 2, 1, 1 / 4])
    assert result.per_item["MRR"].tolist() == pytest.approx([1 / 2, 1, 1 / 4])
    expected = [dcg([0, 1, 1]) / dcg([1, 1]), 1, dcg([0, 0, 0, 2]) / dcg([2])]
    assert result.per_item["nDCG@10"].tolist() == pytest.approx(expected)
    assert result.ids == ["1", "2", "3"]
    assert result.task == "reranking"


def test_blocks_do_not_change_the_result(monkeypatch):
    rows = [("q", ["bad", "good", "fair"], [1.0, 0.0, 1.0]), ("r", ["fair", "bad"], [0.0, 1.0])] * 3
    whole = evaluate_reranking(encode, ranked(*rows)).values
    monkeypatch.setattr(reranking, "QUERIES", 2)
    np.testing.assert_array_equal(evaluate_reranking(encode, ranked(*rows)).values, whole)


def test_ties_do_not_favour_a_list_that_begins_with_the_relevant():
    data = ranked(("a", ["fair", "fair"], [1.0, 0.0]), ("b", ["good", "bad"], [1.0, 0.0]))
    assert evaluate_reranking(encode, data).per_item["MRR"].tolist() == [0.5, 1]


def test_lists_that_any_order_makes_perfect_are_said():
    rows = [["a", "bb"], ["a", "bb"]]
    data = Ranked.from_columns(
        {"query": ["a", "b"], "candidates": rows, "relevance": [[1, 1], [0, 1]]}
    )
    result = evaluate_reranking(lambda texts, role: np.array([[len(t), 1.0] for t in texts]), data)
    assert result.notes == (
        "queries to which every candidate is relevant, so that any ranking is perfect: 1",
    )


def test_a_query_without_a_relevant_candidate_is_left_out():
    data = ranked(("a", ["good", "bad"], [0.0, 0.0]), ("b", ["good", "bad"], [1.0, 0.0]))
    result = evaluate_reranking(encode, data)
    assert result.ids == ["2"]
    assert result.notes == ("queries without a relevant document, left out: 1",)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([("a", ["good", "bad"], [0.0, 0.0])], "none of 1 judged queries has a relevant document"),
        ([("a", ["good", "good"], [1.0, 0.0])], "every query have the same score"),
        ([("a", ["good", "bad"], [0.5, 0.0])], "query '1' has a candidate of relevance 0.5"),
    ],
)
def test_bad_input(rows, match):
    with pytest.raises(InputError, match=match):
        evaluate_reranking(encode, ranked(*rows))


def test_empty_data_and_vectors_that_are_not_finite():
    data = ranked(("a", ["good", "bad"], [1.0, 0.0]))
    with pytest.raises(InputError, match="reranking: no queries"):
        evaluate_reranking(encode, data.select([]))
    with pytest.raises(InputError, match="1 of 1 query vectors are not finite, first of query '1'"):
        evaluate_reranking(lambda texts, role: encode(texts, role) * np.nan, data)
