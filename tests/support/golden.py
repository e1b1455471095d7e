"""The answers of the library as they were: numbers that a move of code must not change.

`python -m support.golden` (in tests/) writes tests/golden/*.json anew; a change of a number in
them is explained in the commit that makes it.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import torch

from support.golden_recipes import recipes

HERE = Path(__file__).parents[1]
FOLDER = HERE / "golden"


def specs() -> dict[str, Any]:
    """The spec of every objective, from its test file."""
    from support.battery import Battery

    found = {}
    for path in sorted((HERE / "objectives").rglob("test_*.py")):
        if path.stem == "test_registry":
            continue
        spec = importlib.util.spec_from_file_location(f"golden_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for thing in vars(module).values():
            if inspect.isclass(thing) and issubclass(thing, Battery) and hasattr(thing, "spec"):
                found[thing.spec.name] = thing.spec
    return dict(sorted(found.items()))


def objectives() -> dict[str, Any]:
    """Value, and norm and slope of every gradient, of every objective in every setting."""
    answers = {}
    for name, spec in specs().items():
        for number, settings in enumerate(spec.settings):
            drawn = spec.inputs(max(6, spec.least), 4, 4, seed=1)
            needed = {k: v for k, v in drawn.items() if k not in spec.optional}
            for label, inputs in (("all", drawn), ("needed", needed)):
                answers[f"{name} {number} {label}"] = _answer(spec.build(settings), inputs)
    return answers


def _answer(objective: Any, inputs: dict[str, torch.Tensor]) -> dict[str, Any]:
    leaves = {k: v.clone() for k, v in inputs.items()}
    for tensor in leaves.values():
        tensor.requires_grad_(tensor.is_floating_point())
    value = objective(**leaves)
    learnt = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    wanted = learnt | {k: v for k, v in leaves.items() if v.requires_grad}
    gradients = torch.autograd.grad(value, list(wanted.values()), allow_unused=True)
    generator = torch.Generator().manual_seed(3)
    numbers = {"value": value.item()}
    for key, gradient in sorted(zip(wanted, gradients, strict=True)):
        if gradient is None:
            continue
        step = torch.randn(gradient.shape, generator=generator, dtype=torch.float64)
        numbers[f"norm of {key}"] = gradient.norm().item()
        numbers[f"slope of {key}"] = float((gradient * step).sum())
    return numbers


def cli() -> dict[str, Any]:
    """What the command line says."""
    from support.golden_cli import answers

    return dict(answers())


PARTS = {"objectives": objectives, "recipes": recipes, "cli": cli}


def stored(part: str) -> dict[str, Any]:
    """What was written."""
    answers: dict[str, Any] = json.loads((FOLDER / f"{part}.json").read_text(encoding="utf-8"))
    return answers


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        text = json.dumps(PARTS[part](), indent=0, sort_keys=True)
        (FOLDER / f"{part}.json").write_text(text + "\n", encoding="utf-8")
