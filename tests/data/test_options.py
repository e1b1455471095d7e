from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from dipole.data.options import Settings, check_memory, check_names, check_types, keywords
from dipole.encoders.heads import ProjectionHead
from dipole.errors import InputError


def make(
    texts: list[str],
    *,
    dim: int = 8,
    heads: int | None = None,
    kind: Literal["a", "b"] = "a",
    grams: Sequence[int] = (3,),
    decay: tuple[float, float] = (0.0, 1.0),
    head: int | dict[str, Any] | None = None,
    rate: float = 0.1,
    shared: bool = False,
    other: ProjectionHead | None = None,
) -> None:
    """A function with options of every kind."""


@pytest.mark.parametrize(
    "options",
    [
        {"dim": 3, "heads": None, "kind": "b", "rate": 1, "shared": True},
        {"grams": [3, 4], "decay": [0, 0.5], "head": {"out": 3, "batch_norm": True}},
        {"grams": (), "decay": (1.0, 2.0), "head": 3, "other": "what Python alone can make"},
    ],
)
def test_values_of_the_declared_types(options: dict[str, Any]) -> None:
    check_types(make, options, "option")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dim", "x", "a whole number"),
        ("dim", 3.0, "a whole number"),
        ("dim", True, "a whole number"),
        ("dim", None, "a whole number"),
        ("heads", "x", "a whole number or none"),
        ("kind", "c", "a or b"),
        ("grams", 3, "a list, each a whole number"),
        ("grams", [3, "a"], "a list, each a whole number"),
        ("grams", "34", "a list, each a whole number"),
        ("decay", [1], "a list of 2: a number, a number"),
        ("decay", 1, "a list of 2: a number, a number"),
        ("head", "x", "a whole number or a mapping or none"),
        ("rate", True, "a number"),
        ("rate", "fast", "a number"),
        ("rate", math.nan, "finite numbers"),
        ("rate", math.inf, "finite numbers"),
        ("decay", [0, -math.inf], "finite numbers"),
        ("head", {"out": math.nan}, "finite numbers"),
        ("shared", 1, "true or false"),
        ("shared", "yes", "true or false"),
    ],
)
def test_other_values_are_named(name: str, value: Any, expected: str) -> None:
    with pytest.raises(InputError, match=f"^option '{name}': found .*; expected {expected}$"):
        check_types(make, {name: value}, "option")


def test_names() -> None:
    assert keywords(make)[:2] == ["dim", "heads"]
    with pytest.raises(InputError, match="option 'dmi': no such setting; did you mean 'dim'"):
        check_names(["dmi"], keywords(make), "option")
    with pytest.raises(InputError, match="option 'zzz': lora has no such setting; expected one of"):
        check_names(["zzz"], keywords(make), "option", "lora")
    with pytest.raises(InputError, match="option 'a': no such setting; expected none"):
        check_names(["a"], [], "option")


def test_more_than_the_machine_has() -> None:
    check_memory(1000, "queue")
    with pytest.raises(InputError, match=r"^queue: needs [\d,]+ GB of memory; this machine has \d"):
        check_memory(10**18, "queue")


class Numbers(Settings):
    count: int = 1
    rate: float | None = None
    on: bool = False
    sizes: list[int] = Field(default_factory=list)
    mixed: dict[str, int] = Field(default_factory=dict)
    free: dict[str, Any] = Field(default_factory=dict)


def test_settings_take_numbers_and_truth_apart() -> None:
    found = Numbers(count=3, rate="1e-3", on=True, sizes=["8"], mixed={"a": 2}, free={"b": True})  # type: ignore[arg-type, list-item]
    assert (found.count, found.rate, found.sizes, found.free) == (3, 1e-3, [8], {"b": True})


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": True},
        {"rate": False},
        {"rate": math.nan},
        {"rate": math.inf},
        {"rate": "nan"},
        {"sizes": [True]},
        {"mixed": {"a": True}},
        {"unknown": 1},
    ],
)
def test_settings_refuse_the_rest(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Numbers(**wrong)
