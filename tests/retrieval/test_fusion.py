import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.retrieval.fusion import Run, reciprocal_rank_fusion, weighted_fusion

RANKING = st.dictionaries(
    st.sampled_from("abcdefgh"), st.integers(-50, 50).map(lambda i: i / 8), max_size=8
)
RUN = st.dictionaries(st.sampled_from(["q1", "q2"]), RANKING, max_size=2)
RUNS = st.lists(RUN, min_size=1, max_size=4)


def naive_rrf(runs: list[Run], weights: list[float], k: float, query: str, doc: str) -> float:
    """The paper's sum, with a rank counted as: how many come before, plus one."""
    total = 0.0
    for run, weight in zip(runs, weights, strict=True):
        scores = run.get(query, {})
        if doc in scores:
            before = [
                d
                for d in scores
                if scores[d] > scores[doc] or (scores[d] == scores[doc] and d < doc)
            ]
            total += weight / (k + len(before) + 1)
    return total


@settings(max_examples=60, deadline=None)
@given(runs=RUNS, k=st.sampled_from([0.0, 1.0, 60.0]), data=st.data())
def test_rrf_is_the_papers_sum(runs: list[Run], k: float, data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=4, max_size=4))
    weights = weights[: len(runs)]
    fused = reciprocal_rank_fusion(runs, weights, k=k)
    for query in {q for run in runs for q in run}:
        assert set(fused[query]) == {d for run in runs for d in run.get(query, {})}
        for doc, score in fused[query].items():
            assert score == pytest.approx(naive_rrf(runs, weights, k, query, doc), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(runs=RUNS)
def test_rrf_sees_only_the_order(runs: list[Run]) -> None:
    stretched = [
        {q: {d: math.exp(s) + 3 for d, s in r.items()} for q, r in run.items()} for run in runs
    ]
    assert reciprocal_rank_fusion(stretched) == reciprocal_rank_fusion(runs)


@settings(max_examples=40, deadline=None)
@given(runs=RUNS, normalise=st.sampled_from(["minmax", "zscore"]))
def test_weighted_fusion_does_not_see_scale_and_offset(runs: list[Run], normalise: str) -> None:
    moved = [
        {q: {d: (i + 2) * s - 7 for d, s in r.items()} for q, r in run.items()}
        for i, run in enumerate(runs)
    ]
    one, two = (weighted_fusion(r, normalise=normalise) for r in (runs, moved))  # type: ignore[arg-type]
    assert {q: set(r) for q, r in one.items()} == {q: set(r) for q, r in two.items()}
    for query in one:
        for doc, score in one[query].items():
            assert two[query][doc] == pytest.approx(score, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(runs=RUNS)
def test_fused_runs_come_best_first_and_do_not_depend_on_the_order_of_a_dict(
    runs: list[Run],
) -> None:
    backwards = [{q: dict(reversed(r.items())) for q, r in reversed(run.items())} for run in runs]
    for fuse in (reciprocal_rank_fusion, weighted_fusion):
        fused = fuse(runs)
        for ranking in fused.values():
            assert list(ranking.values()) == sorted(ranking.values(), reverse=True)
        assert {q: list(r.items()) for q, r in fused.items()} == {
            q: list(r.items()) for q, r in fuse(backwards).items()
        }


def test_minmax_by_hand() -> None:
    dense = {"q": {"a": 0.9, "b": 0.5, "c": 0.1}}
    lexical = {"q": {"b": 12.0, "d": 2.0}}
    fused = weighted_fusion([dense, lexical], [3, 1])
    # a: .75*1 + .25*0 (not listed: the lowest) ; b: .75*.5 + .25*1 ; c, d: the lowest in both
    assert fused == {"q": pytest.approx({"a": 0.75, "b": 0.625, "c": 0.0, "d": 0.0})}


def test_a_floor_stands_in_for_the_minimum() -> None:
    dense = {"q": {"a": 0.9, "b": 0.5}}
    lexical = {"q": {"b": 12.0}}  # b alone has a word of the query
    assert weighted_fusion([dense, lexical])["q"] == pytest.approx({"a": 0.5, "b": 0.0})
    fused = weighted_fusion([dense, lexical], floors=[None, 0.0])
    assert fused == {"q": pytest.approx({"a": 0.5, "b": 0.5})}
    lexical["q"]["a"] = 3.0
    fused = weighted_fusion([dense, lexical], [1, 3], floors=[0.1, 0.0])
    assert fused == {"q": pytest.approx({"a": 0.25 + 0.75 / 4, "b": 0.125 + 0.75})}
    with pytest.raises(InputError, match="found 1 floors for 2 runs"):
        weighted_fusion([dense, lexical], floors=[0.0])


def test_zscore_by_hand() -> None:
    dense = {"q": {"a": 1.0, "b": 0.0, "c": -1.0}}  # mean 0, deviation sqrt(2/3)
    lexical = {"q": {"b": 5.0, "a": 3.0}}  # z = +1, -1; c is not listed: -1
    z = math.sqrt(3 / 2)
    fused = weighted_fusion([dense, lexical], normalise="zscore")
    assert fused == {"q": pytest.approx({"a": (z - 1) / 2, "b": 0.5, "c": (-z - 1) / 2})}


def test_a_weight_of_zero_leaves_the_other_run_alone() -> None:
    dense, lexical = {"q": {"a": 0.9, "b": 0.5}}, {"q": {"b": 12.0, "a": 2.0}}
    for fuse in (reciprocal_rank_fusion, weighted_fusion):
        assert list(fuse([dense, lexical], [1, 0])["q"]) == ["a", "b"]
        assert list(fuse([dense, lexical], [0, 1])["q"]) == ["b", "a"]


def test_a_run_of_equal_scores_says_nothing() -> None:
    # A mean of thirds need not round back to a third: the deviation alone is not 0 here.
    flat = {"q": dict.fromkeys("abcdef", 0.1 + 0.2)}
    for normalise in ("minmax", "zscore"):
        fused = weighted_fusion([flat, {"q": {"f": 2.0, "a": 1.0}}], normalise=normalise)  # type: ignore[arg-type]
        assert next(iter(fused["q"])) == "f"
        assert fused["q"]["a"] == fused["q"]["b"]


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, weighted_fusion])
def test_bad_input_is_named(fuse) -> None:  # type: ignore[no-untyped-def]
    run = {"q": {"a": 1.0}}
    with pytest.raises(InputError, match="found no run"):
        fuse([])
    with pytest.raises(InputError, match="found 1 weights for 2 runs"):
        fuse([run, run], [1])
    with pytest.raises(InputError, match="not all 0"):
        fuse([run, run], [0, 0])
    with pytest.raises(InputError, match="from 0 up"):
        fuse([run, run], [1, -1])
    with pytest.raises(InputError, match="query 'q', document 'a': score is nan"):
        fuse([{"q": {"a": math.nan}}])


def test_bad_options_are_named() -> None:
    with pytest.raises(InputError, match="normalise is 'softmax'"):
        weighted_fusion([{"q": {"a": 1.0}}], normalise="softmax")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="k is -1"):
        reciprocal_rank_fusion([{"q": {"a": 1.0}}], k=-1)
