import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.data import RetrievalData
from dipole.errors import InputError
from dipole.evaluation.result import compare
from dipole.evaluation.tasks import retrieval
from dipole.evaluation.tasks.retrieval import (
    METRICS,
    evaluate_bm25,
    evaluate_retrieval,
    evaluate_run,
)


def by_hand(ranking, judged):
    """The six metrics of one query from their definitions."""
    relevant = {d for d, grade in judged.items() if grade > 0}
    hits = [d in relevant for d in ranking]
    gains = [judged.get(d, 0) for d in ranking]
    discounted = sum(g / math.log2(i + 2) for i, g in enumerate(gains[:10]))
    best = sorted(judged.values(), reverse=True)[:10]
    first = hits.index(True) if True in hits else 10**9
    return {
        "nDCG@10": discounted / sum(g / math.log2(i + 2) for i, g in enumerate(best)),
        "MRR@10": 1 / (first + 1) if first < 10 else 0.0,
        "Recall@1": sum(hits[:1]) / len(relevant),
        "Recall@10": sum(hits[:10]) / len(relevant),
        "Recall@100": sum(hits[:100]) / len(relevant),
        "MAP@100": sum(sum(hits[: i + 1]) / (i + 1) for i in range(min(100, len(hits))) if hits[i])
        / len(relevant),
    }


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(1, 130),
    levels=st.sampled_from([1, 3, 10**6]),
    seed=st.integers(0, 2**16),
)
def test_metrics_equal_their_definitions(size, levels, seed):
    rng = np.random.default_rng(seed)
    docs = [f"d{i}" for i in range(140)]
    run, qrels = {}, {}
    for q in ("q1", "q2", "q3"):
        chosen = rng.permutation(docs)[:size].tolist()
        run[q] = {d: float(rng.integers(0, levels)) for d in chosen}
        qrels[q] = {d: int(rng.integers(0, 4)) for d in rng.permutation(docs)[:6].tolist()}
        qrels[q]["d0"] = 1
    result = evaluate_run(run, qrels)
    for i, q in enumerate(result.ids):
        # Equal scores: the larger document id first.
        ranking = sorted(sorted(run[q], reverse=True), key=lambda d: -run[q][d])
        expected = by_hand(ranking, qrels[q])
        for metric in METRICS:
            assert result.per_item[metric][i] == pytest.approx(expected[metric], abs=1e-12)
    assert result.value("MAP@100") == pytest.approx(result.per_item["MAP@100"].mean())


@pytest.mark.parametrize(("rank", "mrr"), [(1, 1.0), (10, 0.1), (11, 0.0), (100, 0.0)])
def test_reciprocal_rank_is_cut_at_ten(rank, mrr):
    run = {"q": {f"d{i}": 1 / i for i in range(1, 101)}}
    assert evaluate_run(run, {"q": {f"d{rank}": 1}}).value("MRR@10") == mrr


def test_queries_that_cannot_be_measured_are_counted():
    qrels = {"a": {"x": 1}, "b": {"x": 0}, "c": {}, "d": {"x": 2}}
    run = {"a": {"x": 1.0}, "b": {"x": 1.0}, "unjudged": {"x": 1.0}, "d": {}}
    result = evaluate_run(run, qrels)
    assert result.ids == ["a", "d"]
    assert result.per_item["MRR@10"].tolist() == [1.0, 0.0]
    assert result.notes == (
        "queries without a relevant document, left out: 3",
        "queries without an answer, counted as 0: 1 of 2",
    )


def test_one_query_has_a_value_but_no_interval():
    interval = evaluate_run({"q": {"a": 1.0}}, {"q": {"a": 1}})["MRR@10"]
    assert interval.value == 1
    assert math.isnan(interval.low)


@pytest.mark.parametrize(
    ("run", "qrels", "match"),
    [
        ({}, {}, "none of 0 judged queries"),
        ({"q": {"a": 1.0}}, {"q": {"a": 0}}, "none of 1 judged queries has a relevant document"),
        ({"q": {"a": math.nan}}, {"q": {"a": 1}}, "document 'a' has score nan"),
        ({"q": {"a": "x"}}, {"q": {"a": 1}}, "document 'a' has score 'x'; expected a number"),
        ([("q", "a")], {"q": {"a": 1}}, "run: found a list; expected a dict, query id -> document"),
        ({"q": ["a"]}, {"q": {"a": 1}}, "run: found a dict; expected a dict, query id -> document"),
        ({"q": {1: 1.0}}, {"q": {"a": 1}}, "run: document id 1 is int; expected str"),
        ({"q": {"a": 1.0}}, {7: {"a": 1}}, "qrels: query id 7 is int; expected str"),
    ],
)
def test_bad_runs(run, qrels, match):
    with pytest.raises(InputError, match=match):
        evaluate_run(run, qrels)


@pytest.fixture(scope="module")
def data():
    """Twelve documents on a circle; a query points at its document, with an angle of noise."""
    angles = np.arange(12) * math.tau / 12
    noise = np.random.default_rng(0).normal(0, 0.3, 12)
    return SimpleNamespace(
        corpus={f"d{i}": str(a) for i, a in enumerate(angles)},
        queries={f"q{i}": str(a) for i, a in enumerate(angles + noise)} | {"no": "0", "zero": "1"},
        qrels={f"q{i}": {f"d{i}": 1} for i in range(12)} | {"zero": {"d1": 0}},
    )


def circle(texts, role):
    angle = np.array([float(t) for t in texts])
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def test_evaluate_retrieval(data):
    seen = []

    def encode(texts, role):
        seen.append((role, len(texts)))
        return circle(texts, role)

    result = evaluate_retrieval(encode, data, system="circle")
    assert seen == [("query", 12), ("document", 12)]
    assert result.system == "circle"
    assert result.ids == [f"q{i}" for i in range(12)]
    assert result.notes == ("queries without a relevant document, left out: 2",)
    # The nearest angle wins, so a query is right where its noise is below half a step.
    noise = (
        np.array([float(data.queries[f"q{i}"]) for i in range(12)]) - np.arange(12) * math.tau / 12
    )
    assert result.per_item["Recall@1"].tolist() == (np.abs(noise) < math.tau / 24).tolist()
    assert result.value("Recall@100") == 1
    assert all(len(docs) == 12 for docs in result.run.values())
    assert result["MRR@10"].low < result["MRR@10"].value < result["MRR@10"].high


def test_an_encoder_is_asked_with_its_role(data):
    encoder = SimpleNamespace(
        encode=lambda texts, role, show_progress: circle(texts, role) * (1 if role else 0)
    )
    a, b = evaluate_retrieval(encoder, data), evaluate_retrieval(circle, data)
    np.testing.assert_array_equal(a.values, b.values)


def test_documents_in_blocks(data, monkeypatch):
    whole = evaluate_retrieval(circle, data)
    monkeypatch.setattr(retrieval, "ENCODE_ROWS", 5)
    result = evaluate_retrieval(circle, data)
    assert [list(docs) for docs in result.run.values()] == [list(d) for d in whole.run.values()]


def test_compare(data):
    good = evaluate_retrieval(circle, data, system="good")
    bad = evaluate_retrieval(lambda t, r: circle(t, r)[:, :1], data, system="half")
    test = compare(good, bad)["MRR@10"]
    assert test.difference.value == pytest.approx(good.value("MRR@10") - bad.value("MRR@10"))
    assert test.p_permutation < 0.1
    other = evaluate_run({"q0": {"d0": 1.0}}, {"q0": {"d0": 1}}, system="other")
    with pytest.raises(InputError, match="good and other were measured on different items"):
        compare(good, other)
    with pytest.raises(InputError, match="no metric 'F1' in task retrieval; expected nDCG@10, MRR"):
        good["F1"]


def with_nan(texts, role):
    vectors = circle(texts, role)
    if role == "document":
        vectors[3] = np.nan
    return vectors


@pytest.mark.parametrize(
    ("encode", "match"),
    [
        (with_nan, "mine: 1 of 12 document vectors are not finite, first of document 'd3'"),
        (lambda t, r: np.full((len(t), 2), np.inf), "mine: 12 of 12 query vectors"),
        (lambda t, r: np.ones((len(t), 2)), "all 12 documents have the same vector"),
        (lambda t, r: np.ones(len(t)), r"shape \(12,\); expected \(12, dim\)"),
        (lambda t, r: np.ones((3, 2)), r"shape \(3, 2\); expected \(12, dim\)"),
    ],
)
def test_bad_vectors(data, encode, match):
    with pytest.raises(InputError, match=match):
        evaluate_retrieval(encode, data, system="mine")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"corpus": {}}, "the corpus has no documents"),
        ({"queries": {}}, "none of 0 queries has a relevant document"),
        ({"qrels": {}}, "none of 14 queries has a relevant document"),
        ({"queries": {"q0": "  "}}, "query 'q0' is empty; expected a text"),
    ],
)
def test_bad_data(data, change, match):
    with pytest.raises(InputError, match=match):
        evaluate_retrieval(circle, SimpleNamespace(**{**vars(data), **change}))


def test_too_shallow(data):
    with pytest.raises(InputError, match="k is 10; expected at least 100, as Recall@100 looks"):
        evaluate_retrieval(circle, data, k=10)
    assert evaluate_retrieval(circle, data, k=10, at=[5]).metrics[0] == "nDCG@5"


def test_a_cut_off_beyond_the_corpus_is_refused_before_anything_is_encoded(data):
    def never(texts, role):
        raise AssertionError("encoded")

    match = "nDCG@13: the corpus has 12 documents; expected a cut-off of at most 12"
    with pytest.raises(InputError, match=match):
        evaluate_retrieval(never, data, at=[3, 13])
    with pytest.raises(InputError, match="P@13: the corpus has 12 documents"):
        evaluate_bm25(data, measures=["P@13"])
    with pytest.raises(InputError, match="P@2: the longest ranking of the run has 1 documents"):
        evaluate_run({"q": {"a": 1.0}}, {"q": {"a": 1}}, measures=["P@2"])


def test_a_run_is_as_deep_as_its_measures_look():
    """One query with 150 answers of 300: R-precision looks at the first 150."""
    corpus = {f"d{i:03d}": str(i) for i in range(300)}
    data = SimpleNamespace(
        corpus=corpus, queries={"q": "0"}, qrels={"q": {f"d{i:03d}": 1 for i in range(150)}}
    )

    def near(texts, role):
        angle = np.array([float(t) for t in texts]) / 300
        return np.stack([np.cos(angle), np.sin(angle)], 1)

    found = evaluate_retrieval(near, data, measures=["R-precision", "MAP@R", "P@5"])
    assert found.metrics == ("R-precision", "MAP@R", "P@5")
    assert [found.value(m) for m in found.metrics] == [1, 1, 1]
    assert len(found.run["q"]) == 150


@pytest.fixture(scope="module")
def arguments():
    """Forty queries that are documents, as ArguAna has them; each is answered by the next one."""
    angles = np.arange(40) * math.tau / 40
    texts = {f"{i}": str(a) for i, a in enumerate(angles)}
    return SimpleNamespace(
        corpus=texts, queries=texts, qrels={f"{i}": {f"{(i + 1) % 40}": 1} for i in range(40)}
    )


def test_a_query_does_not_find_itself(arguments):
    found = evaluate_retrieval(circle, arguments, at=[1, 2], measures=["Success"])
    assert found.value("Success@2") == 1  # its two neighbours, and not itself
    assert all(q not in documents for q, documents in found.run.items())
    assert found.notes == (
        "40 of 40 queries are documents too (by id): left out of their own ranking",
    )
    kept = evaluate_retrieval(circle, arguments, ignore_identical_ids=False)
    assert kept.value("MRR@10") <= 0.5
    assert kept.notes == ("40 of 40 queries are documents too (id), found in their own ranking",)


def test_the_document_in_its_place_fills_the_ranking(arguments):
    """Left out before the cut at depth, not after it."""
    found = evaluate_retrieval(circle, arguments, k=5, at=[5])
    assert {len(documents) for documents in found.run.values()} == {5}


def test_every_system_is_measured_without_the_query_itself(arguments):
    lexical = evaluate_bm25(arguments)
    assert all(q not in documents for q, documents in lexical.run.items())
    kept = evaluate_retrieval(circle, arguments, ignore_identical_ids=False)
    stored = evaluate_run(kept.run, arguments.qrels, ignore_identical_ids=True)
    found = evaluate_retrieval(circle, arguments)
    np.testing.assert_array_equal(stored.values, found.values)
    assert stored.notes[0].startswith("40 queries found the document with their own id")


def test_numbers_that_coincide_are_no_reason(arguments):
    """Cranfield numbers both from 1 on: question 225 is answered by abstract 225."""
    qrels = dict(arguments.qrels) | {"7": {"7": 1}}
    data = SimpleNamespace(corpus=arguments.corpus, queries=arguments.queries, qrels=qrels)
    found = evaluate_retrieval(circle, data)
    assert "7" in found.run["7"]
    assert "a coincidence, nothing is left out (--ignore-identical-ids" in found.notes[0]
    assert "7" not in evaluate_retrieval(circle, data, ignore_identical_ids=True).run["7"]


def test_of_pairs_an_anchor_does_not_find_its_own_text():
    """Duplicate questions: every question stands on both sides."""
    from dipole.data import Pairs
    from dipole.data.retrieval import retrieval_from_pairs

    pairs = Pairs.from_columns({"anchor": ["0", "0.1", "3"], "positive": ["0.1", "0", "3"]})
    data = retrieval_from_pairs(pairs)
    assert data.itself == {"q/1": "2", "q/2": "1"}  # "3" answers itself, by the data
    found = evaluate_retrieval(circle, data)
    assert found.value("MRR@10") == 1
    assert found.notes == (
        "2 of 3 queries are documents too (by text): left out of their own ranking",
    )


def test_queries_that_any_ranking_answers_are_said():
    def letters(texts, role):
        return np.array([[text.count(letter) for letter in "ab"] for text in texts], float)

    data = RetrievalData(
        {"1": "a", "2": "b"}, {"q": "a", "r": "b"}, {"q": {"1": 1, "2": 1}, "r": {"2": 1}}
    )
    assert evaluate_retrieval(letters, data).notes == (
        "queries to which every document is relevant, so that any ranking is perfect: 1",
    )
    alone = RetrievalData({"1": "a", "q": "b"}, {"q": "b"}, {"q": {"1": 1}})
    assert evaluate_retrieval(letters, alone).notes[-1].endswith("perfect: 1")
