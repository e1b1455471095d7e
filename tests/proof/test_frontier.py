"""The leaderboard of preferences: every objective, and numbers as they are."""

import numpy as np
import pytest

from dipole.objectives.contract.registry import OBJECTIVES, objective_class
from dipole.proof.frontier import COLUMNS, SAME, STRENGTHS, draw, half, page


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    return {
        (name, value): {metric: rng.random(5) for metric in COLUMNS}
        for name, (_, values) in STRENGTHS.items()
        for value in values
    }


def test_every_objective_of_preferences_is_there_with_a_setting_of_its_own():
    ours = {name for name, place in OBJECTIVES.items() if place.startswith("preferences.")}
    assert ours == {*STRENGTHS, *SAME}
    for name, (option, values) in STRENGTHS.items():
        assert getattr(objective_class(name)(), option) == values[1]  # the default is published
        assert list(values) == sorted(set(values))


def test_the_best_comes_first_with_its_interval(found):
    found["ipo", 0.1]["reward at 1 nat"] = np.array([70.0, 72.0, 71.0, 73.0, 69.0])
    lines = page(found, "preference.png").splitlines()
    first = next(line for line in lines if line.startswith("| `"))
    assert first.startswith("| `ipo`, tau 0.1 | 71.0 ± 2.0 |")
    assert sum(line.startswith("| `") for line in lines) == 4 * len(STRENGTHS)
    assert half(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.484, abs=1e-3)


def test_the_picture_is_drawn(found, tmp_path):
    draw(found, tmp_path / "frontier.png")
    assert (tmp_path / "frontier.png").stat().st_size > 10_000
