import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.statistics.over_seeds import nested_test
from dipole.evaluation.statistics.standings import leaderboard


def test_order_ties_and_distances():
    rng = np.random.default_rng(0)
    base = rng.random((3, 100))
    systems = {
        "good": base + 0.1,
        "as good": base + 0.1 + 0.002 * rng.normal(size=(3, 100)) - 0.0001,
        "bad": base * 0.5,
    }
    places = leaderboard(systems, resamples=500)
    assert [place.tied for place in places] == [True, True, False]
    assert places[2].system == "bad"
    best = places[0]
    assert best.behind.value == 0
    assert np.isnan(best.p)
    for place in places[1:]:
        test = nested_test(systems[place.system], systems[best.system], resamples=500)
        assert place.behind == test.difference
        assert place.p == min(1, 2 * test.p / 2)
        assert place.behind.value < 0


def test_lower_may_be_better():
    places = leaderboard(
        {"a": np.array([0.5, 0.6, 0.55]), "b": np.array([0.1, 0.2, 0.15])}, higher_is_better=False
    )
    assert [place.system for place in places] == ["b", "a"]
    assert places[1].behind.value == pytest.approx(0.4)


def test_one_system_and_one_seed():
    (alone,) = leaderboard({"a": np.random.default_rng(1).random((1, 20))}, resamples=200)
    assert alone.tied
    assert alone.score.covers == "new items"


def test_no_interval_is_a_tie():
    places = leaderboard({"a": np.array([0.5]), "b": np.array([0.4])})
    assert [place.tied for place in places] == [True, True]


@pytest.mark.parametrize(("seeds", "trials"), [(1, 200), (3, 80)])
def test_the_truly_best_is_seldom_left_out(seeds, trials):
    """Five systems, the first better by a hair: it is among the tied in at least 95 % of tables."""
    rng = np.random.default_rng(2)
    held = 0
    for trial in range(trials):
        items = rng.normal(size=(1, 1, 40))
        values = items + rng.normal(size=(5, seeds, 40))
        if seeds > 1:
            values += 0.2 * rng.normal(size=(5, seeds, 1))
        values[0] += 0.01
        places = leaderboard(dict(zip("abcde", values, strict=True)), resamples=200, seed=trial)
        held += next(place.tied for place in places if place.system == "a")
    assert held / trials >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / trials)


def test_bad_input():
    with pytest.raises(InputError, match="no systems"):
        leaderboard({})
    with pytest.raises(InputError, match=r"b has shape \(2,\), a \(3,\)"):
        leaderboard({"a": np.zeros(3), "b": np.zeros(2)})


def test_a_system_left_out_early_is_compared_on_its_own_seeds():
    rng = np.random.default_rng(0)
    whole = {"a": rng.random((8, 60)) + 1, "b": rng.random((8, 60)) + 1.02}
    few = {"lucky": rng.random((3, 60)) + 1.5, "last": rng.random((3, 60))}
    places = leaderboard(whole | few, left=few)
    best = next(place for place in places if np.isnan(place.p))
    assert best.system in whole  # what has fewer seeds is never the best
    last = places[-1]
    assert (last.system, last.tied, len(last.score.per_seed)) == ("last", False, 3)
    test = nested_test(few["last"], whole[best.system][:3])
    assert last.behind == test.difference
    with pytest.raises(InputError, match=r"last has shape \(3, 60\), a \(8, 60\)"):
        leaderboard(whole | few, left=["lucky"])
    with pytest.raises(InputError, match=r"lucky has shape \(3, 9\)"):
        leaderboard(whole | {"lucky": np.zeros((3, 9))}, left=["lucky"])
