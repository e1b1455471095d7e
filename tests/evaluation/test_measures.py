import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.measures import RERANKING, RETRIEVAL, deepest, measured, measures_of


def by_hand(kind, k, ranking, judged):
    """One measure of one query from its definition; `k` None is the whole ranking."""
    relevant = {d for d, grade in judged.items() if grade > 0}
    size = len(relevant)
    k = {"R-precision": size, "MAP@R": size}.get(kind, k or max(len(ranking), len(judged)))
    hits = [d in relevant for d in ranking[:k]]

    def precision(rank):
        return sum(hits[:rank]) / rank

    if kind == "nDCG":
        gains = [judged.get(d, 0) for d in ranking[:k]]
        best = sorted(judged.values(), reverse=True)[:k]
        found, ideal = (
            sum(g / math.log2(i + 2) for i, g in enumerate(each)) for each in (gains, best)
        )
        return found / ideal
    if kind == "MRR":
        return max((1 / (i + 1) for i, hit in enumerate(hits) if hit), default=0.0)
    if kind == "Recall":
        return sum(hits) / size
    if kind == "Success":
        return float(any(hits))
    if kind in ("P", "R-precision"):
        return sum(hits) / k
    return sum(precision(i + 1) for i, hit in enumerate(hits) if hit) / size  # MAP, MAP@R


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(0, 30),
    levels=st.sampled_from([1, 3, 10**6]),
    at=st.sets(st.integers(1, 40), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_every_measure_at_every_cut_off_is_its_definition(size, levels, at, seed):
    rng = np.random.default_rng(seed)
    docs = [f"d{i:02d}" for i in range(40)]
    run, qrels = {}, {}
    for q in ("q1", "q2", "q3"):
        chosen = rng.permutation(docs)[:size].tolist()
        run[q] = {d: float(rng.integers(0, levels)) for d in chosen}
        judged = rng.permutation(docs)[: rng.integers(1, 12)].tolist()
        # A relevant document that no system has: it counts.
        qrels[q] = {d: int(rng.integers(0, 4)) for d in judged} | {"gone": 1}
    names = ["nDCG", "MRR", "Recall", "MAP", "P", "Success", "R-precision", "MAP@R"]
    wanted = measures_of(names, sorted(at), RETRIEVAL)
    assert len(wanted) == 6 * len(at) + 2
    found = measured(run, qrels, wanted)
    for row, q in enumerate(qrels):
        # Equal scores: the larger document id first.
        ranking = sorted(sorted(run[q], reverse=True), key=lambda d: -run[q][d])
        for m in wanted:
            expected = by_hand(m.kind, m.cut, ranking, qrels[q])
            assert found[m.name][row] == pytest.approx(expected, abs=1e-9), m.name


def test_the_whole_ranking():
    run = {"q": {f"d{i:02d}": -i for i in range(30)}}
    qrels = {"q": {"d00": 1, "d20": 2, "d40": 3}}
    wanted = measures_of(["nDCG", "MRR", "MAP"], None, {"nDCG": (0,), "MRR": (0,), "MAP": (0,)})
    found = measured(run, qrels, wanted)
    for m in wanted:
        expected = by_hand(m.kind, None, list(run["q"]), qrels["q"])
        assert found[m.name][0] == pytest.approx(expected), m.name


def names(*arguments):
    return [m.name for m in measures_of(*arguments)]


def test_which_measures():
    plain = ["nDCG@10", "MRR@10", "Recall@1", "Recall@10", "Recall@100", "MAP@100"]
    assert names(None, None, RETRIEVAL) == plain
    assert names(None, None, RERANKING) == ["MAP", "MRR", "nDCG@10"]
    assert names(None, [5, 1], RERANKING) == ["MAP@1", "MAP@5", "MRR@1", "MRR@5", "nDCG@1",
                                              "nDCG@5"]  # fmt: skip
    assert names(["ndcg", "p@3", "map@r", "Success"], None, RETRIEVAL) == [
        "nDCG@10", "P@3", "MAP@R", "Success@10"
    ]  # fmt: skip
    assert names(["P@3", "P"], [1, 3], RETRIEVAL) == ["P@3", "P@1"]


def test_how_deep():
    qrels = {"a": {"x": 1, "y": 2, "z": 0}, "b": {"x": 1}}
    assert deepest(measures_of(["R-precision", "P@1"], None, RETRIEVAL), qrels) == (
        2,
        "R-precision",
    )
    assert deepest(measures_of(None, None, RETRIEVAL), qrels)[0] == 100


@pytest.mark.parametrize(
    ("asked", "at", "match"),
    [
        (
            ["nDGC"],
            None,
            "measure 'nDGC': no such measure; did you mean 'nDCG'",
        ),
        (["P@0"], None, "measure 'P@0': no such measure"),
        (["R-precision@3"], None, "no such measure; did you mean 'R-precision'"),
        ([], None, "measures: found none; expected some of nDCG"),
        (None, [0], "at: found 0; expected whole numbers from 1 on"),
        (None, [2.5], "at: found 2.5; expected whole numbers"),
        (None, [], "at: found no cut-off"),
        (["P@5", "MAP@R"], [3], "found cut-offs for P@5, MAP@R, which have their own"),
    ],
)
def test_errors(asked, at, match):
    with pytest.raises(InputError, match=match):
        measures_of(asked, at, RETRIEVAL)
