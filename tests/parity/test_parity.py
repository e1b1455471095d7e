"""dipole gives what the authors' own code gave: the value and every gradient, to 1e-9."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dipole.objectives.contract.registry import objective_class
from parity.addresses import ADDRESSES, STEPPED, Loss
from parity.differences import DIFFERENCES

FIXTURES = {path.stem: path for path in sorted(Path(__file__).parent.glob("fixtures/*.json"))}
TOLERANCE = 1e-9  # of the value (of 1 where it is smaller), of the largest gradient

# Not mended yet, and what it waits for.
UNMENDED: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_addresses():
    """Every fixture has an address, and every address and difference a fixture."""
    assert set(ADDRESSES) == set(FIXTURES)
    assert set(DIFFERENCES) | set(UNMENDED) <= set(FIXTURES)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_docstring_gives_the_reason(name: str):
    difference = DIFFERENCES[name]
    told = difference.where
    module = inspect.getmodule(objective_class(told) if isinstance(told, str) else told)
    assert difference.reason in " ".join(inspect.getsource(module).split())


def case(name: str) -> Any:
    reason = UNMENDED.get(name)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [case(name) for name in FIXTURES])
def test_parity(name: str):
    fixture = json.loads(FIXTURES[name].read_text(encoding="utf-8"))
    value, gradients = ours(ADDRESSES[name], fixture["inputs"], list(fixture["gradients"]))
    values = pairs_of(value, fixture["value"])
    slopes = list(zip(gradients, fixture["gradients"].values(), strict=True))
    assert values or slopes
    differences = (largest(values, 1.0), largest(slopes, 1e-12))
    same = all(difference <= TOLERANCE for difference in differences)
    if name in DIFFERENCES:
        assert not same, f"agrees now: take {name} out of differences.py"
    else:
        assert same, f"value and gradients differ by {differences} from {fixture['source']}"


def ours(address: Any, given: dict[str, Any], wanted: list[str]) -> tuple[Any, list[Any]]:
    """dipole's value, and its gradient for every name wanted: an input or a learnt parameter."""
    inputs = {k: torch.tensor(v) if is_array(v) or k in wanted else v for k, v in given.items()}
    made = address.built() if isinstance(address, Loss) else []
    leaves = [inputs[n] if n in inputs else made[0][1].get_parameter(n) for n in wanted]
    for leaf in leaves:
        leaf.requires_grad_()
    if not made:
        value = total = address(**inputs)
    elif made and not address.examples:
        value = total = sum(w * objective(**objective.pick(inputs)) for w, objective in made)
    else:  # the losses of all steps, for their gradients; the state they leave
        ((weight, objective),) = made
        total = sum(
            weight * objective(**{k: v[i] if k in STEPPED else v for k, v in inputs.items()})
            for i in range(len(inputs[STEPPED[0]]))
        )
        value = getattr(objective, address.state)[0]
    found = torch.autograd.grad(total, leaves, materialize_grads=True) if wanted else []
    return value, list(found)


def is_array(value: Any) -> bool:
    """Whether an input is a list of numbers, however nested."""
    return isinstance(value, list) and not isinstance(value[0], str)


def pairs_of(mine: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """What is compared: a value, or several by name; nothing where only gradients are."""
    if isinstance(theirs, dict):
        return [(mine[name], value) for name, value in theirs.items()]
    return [] if theirs is None else [(mine, theirs)]


def largest(pairs: list[tuple[Any, Any]], least: float) -> float:
    """The largest difference in pairs of arrays, as a part of the largest number there."""
    scale, difference = least, 0.0
    for mine, theirs in pairs:
        mine = np.asarray(mine.detach() if isinstance(mine, torch.Tensor) else mine, float)
        scale = max(scale, float(np.abs(theirs).max()))
        difference = max(difference, float(np.abs(mine - np.asarray(theirs, float)).max()))
    return difference / scale
