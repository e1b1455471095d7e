"""Moving code changes no number (objectives to 1e-9, weights after three steps to 1e-5) and no
answer of the command line.
"""

import pytest

from support import golden


@pytest.fixture(scope="module")
def objectives():
    return golden.objectives()


def test_every_objective_answers_as_before(objectives):
    before = golden.stored("objectives")
    assert objectives.keys() == before.keys()
    for case, numbers in before.items():
        found = objectives[case]
        assert found.keys() == numbers.keys(), case
        # A gradient that is 0 by symmetry is rounding: relative to the largest number of the case.
        scale = max(abs(x) for x in numbers.values())
        for name, number in numbers.items():
            assert found[name] == pytest.approx(number, rel=1e-9, abs=1e-11 * scale), (case, name)


@pytest.mark.slow
def test_every_recipe_trains_as_before():
    before, found = golden.stored("recipes"), golden.recipes()
    assert found.keys() == before.keys()
    for name, weights in before.items():
        assert found[name] == pytest.approx(weights, rel=1e-5), name


@pytest.mark.slow
def test_the_command_line_answers_as_before():
    before, found = golden.stored("cli"), golden.cli()
    assert found.keys() == before.keys()
    for command, lines in before.items():
        assert found[command] == lines, command
