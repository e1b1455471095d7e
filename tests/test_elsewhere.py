"""Nothing is made on the CPU where the data are on a GPU, which is pretended here."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dipole.training import loop
from support import golden, golden_recipes
from support.elsewhere import Elsewhere

SPECS = golden.specs()


def test_the_pretence_finds_what_it_should() -> None:
    made = compile("torch.arange(3)", f"{torch.__file__}/dipole/made.py", "eval")
    with Elsewhere():
        assert eval(made, {"torch": torch}).device.type == "meta"
        assert torch.arange(3, device="cpu").device.type == "cpu"


@pytest.mark.parametrize("name", SPECS)
def test_an_objective_computes_where_its_inputs_are(name: str) -> None:
    spec = SPECS[name]
    for settings in spec.settings:
        objective = spec.build(settings)
        inputs = spec.inputs(max(6, spec.least), 4, 4, seed=1)
        leaves = [x.requires_grad_() for x in inputs.values() if x.is_floating_point()]
        with Elsewhere():
            value = objective(**inputs)
            torch.autograd.grad(value, leaves, allow_unused=True)
        assert value.device.type == "cpu"
        assert value.isfinite()


@pytest.mark.slow
def test_every_recipe_trains_where_its_batches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    step = loop.Trainer._step

    def elsewhere(trainer: Any, batch: Any) -> Any:
        with Elsewhere():
            return step(trainer, batch)

    monkeypatch.setattr(loop.Trainer, "_step", elsewhere)
    monkeypatch.setattr(golden_recipes, "STEPS", 1)
    found = golden_recipes.trained()
    assert found.keys() == golden.stored("recipes").keys()
