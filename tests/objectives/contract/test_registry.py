"""Names: all there, all different, all tested; errors that help."""

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest
import torch

import dipole.objectives
from dipole.errors import InputError
from dipole.objectives import InfoNCE, build_objective
from dipole.objectives.contract.base import Objective, forward_inputs
from dipole.objectives.contract.checks import SHAPES
from dipole.objectives.contract.registry import (
    OBJECTIVES,
    listed,
    objective_class,
    options,
    register,
    registered,
)
from support.battery import Battery

HERE = Path(__file__).parents[1]


def test_every_objective_has_a_battery():
    tested = set()
    for path in HERE.rglob("test_*.py"):
        spec = importlib.util.spec_from_file_location(f"collected_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        if path != Path(__file__):
            spec.loader.exec_module(module)
        tested |= {
            thing.spec.name
            for thing in vars(module).values()
            if inspect.isclass(thing) and issubclass(thing, Battery) and hasattr(thing, "spec")
        }
    assert tested >= set(OBJECTIVES)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_name_and_source(name):
    cls = objective_class(name)
    assert cls.name == name, "the decorator and OBJECTIVES disagree"
    assert cls.paper, "where the maths comes from"
    assert cls.system
    assert cls.form
    assert set(cls.related) <= set(OBJECTIVES)
    assert cls.__name__ in dipole.objectives.__all__
    assert getattr(dipole.objectives, cls.__name__) is cls
    assert set(forward_inputs(cls.forward)) <= set(SHAPES), "inputs have the library's names"


@pytest.mark.parametrize(
    "module", sorted({place.partition(":")[0] for place in OBJECTIVES.values()})
)
def test_examples_run(module):
    found = importlib.import_module(f"dipole.objectives.{module}")
    result = doctest.testmod(found, optionflags=doctest.ELLIPSIS)
    assert result.attempted, "every objective shows how it is called"
    assert not result.failed


def test_build_with_settings():
    objective = build_objective("infonce", temperature=0.2, reduction="sum", executor="tiled")
    assert isinstance(objective, InfoNCE)
    assert objective.temperature() == 0.2
    assert (objective.reduction, objective.executor) == ("sum", "tiled")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("infonse", {}, "objective: found 'infonse'; did you mean 'infonce'"),
        ("qqq", {}, "objective: found 'qqq'; expected one of "),
        ("esimcse", {}, "objective: found 'esimcse', a system; expected its objective, 'infonce',"),
        (
            "infonce",
            {"temprature": 1},
            "infonce: found setting 'temprature'; did you mean 'temperature",
        ),
        (
            "infonce",
            {"reduction": "max"},
            "reduction: found 'max', expected 'mean', 'sum' or 'none'",
        ),
        ("infonce", {"executor": "fast"}, "executor: found 'fast', expected 'dense', 'tiled', "),
        ("infonce", {"temperature": "hot"}, "temperature: found 'hot', expected a number above 0"),
        (
            "no_such_file:Loss",
            {},
            "objective: found 'no_such_file:Loss'; no module 'no_such_",
        ),
        (
            "torch.nn:Linear",
            {},
            "objective: found a class at 'torch.nn:Linear'; expected",
        ),
    ],
)
def test_mistakes_get_one_line(name, settings, message):
    with pytest.raises(InputError) as raised:
        build_objective(name, **settings)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_an_objective_of_ones_own():
    @register("of-ones-own", paper="none", system="none", form="constant")
    class OfOnesOwn(Objective):
        def forward(self, anchor):
            return anchor.sum()

    assert objective_class("of-ones-own") is OfOnesOwn
    assert build_objective("dipole.objectives.pairs.infonce:InfoNCE").name == "infonce"
    with pytest.raises(InputError, match="expected a name not yet taken"):
        register("of-ones-own", paper="", system="", form="")(InfoNCE)
    assert options(OfOnesOwn) == {"reduction": "mean", "executor": None}
    assert build_objective("of-ones-own")(torch.ones(2, 2)).item() == 4


def test_every_objective_says_its_system():
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'system'"):
        register("new", paper="", form="")


def test_a_file_is_all_that_a_name_needs(tmp_path):
    (tmp_path / "pairs").mkdir()
    marked = '@register(\n    "new",\n    form="squared",\n)\nclass New(Objective):\n    """."""\n'
    both = '@register("a", form="")\nclass A(New):\n    pass\n\nclass Not(Objective):\n    pass\n'
    (tmp_path / "pairs/new.py").write_text(f"class Other:\n    pass\n\n\n{marked}\n\n{both}")
    (tmp_path / "pairs/none.py").write_text("class Not(Objective):\n    pass\n")
    assert listed(tmp_path) == {"a": "pairs.new:A", "new": "pairs.new:New"}


def test_what_is_listed_is_what_is_registered():
    for module in pkgutil.walk_packages(dipole.objectives.__path__, "dipole.objectives."):
        importlib.import_module(module.name)
    ours = {
        name: f"{cls.__module__}:{cls.__qualname__}".removeprefix("dipole.objectives.")
        for name, cls in registered().items()
        if cls.__module__.startswith("dipole.objectives.")
    }
    assert ours == OBJECTIVES


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dipole.objectives.Nothing
    assert set(dir(dipole.objectives)) == set(dipole.objectives.__all__)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("circle", {"margin": float("nan")}, "^margin: found nan, expected a number$"),
        ("circle", {"margin": "wide"}, "^margin: found 'wide', expected a number$"),
        ("cacr", {"alpha": float("inf")}, "^alpha: found inf, expected a number$"),
        (
            "gram",
            {"learn_temperature": "yes"},
            "^learn_temperature: found 'yes', expected True or",
        ),
        ("swav", {"seed": "x"}, "^seed: found 'x', expected a whole number$"),
    ],
)
def test_settings_of_another_type_are_named(name, settings, message):
    with pytest.raises(InputError, match=message):
        build_objective(name, **settings)
