"""The code in docs/new-objective.md works, and is as short as it says."""

import doctest
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dipole.objectives.contract.registry import build_objective

PAGE = Path(__file__).parents[2] / "docs/new-objective.md"


@pytest.fixture(scope="module")
def example():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    assert len(blocks) == 2
    module = ModuleType("new_objective_example")
    sys.modules[module.__name__] = module
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), vars(module))
    return module, blocks


def test_the_example_is_registered(example):
    module, _ = example
    assert isinstance(build_objective("spectral"), module.Spectral)
    assert isinstance(build_objective("new_objective_example:Spectral"), module.Spectral)


def test_its_docstring_example_runs(example):
    module, _ = example
    (found,) = doctest.DocTestFinder().find(module.Spectral, "Spectral", globs=vars(module).copy())[
        :1
    ]
    assert doctest.DocTestRunner().run(found) == (0, 2)


def test_the_objective_has_under_thirty_lines(example):
    _, (maths, _) = example
    _, start, rest = maths.partition("@register(")
    assert sum(bool(line.strip()) for line in (start + rest).splitlines()) < 30


@pytest.mark.parametrize(
    "test",
    [
        "test_equation",
        "test_gradient",
        "test_tiles",
        "test_gradient_cache",
        "test_easy_pairs",
        "test_bfloat16",
        "test_order_and_rotation",
        "test_bad_input",
        "test_memory",
    ],
)
def test_the_example_passes_the_battery(example, test):
    module, _ = example
    getattr(module.TestSpectral(), test)()
