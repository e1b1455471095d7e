"""Whether what a recipe names is used: the weights after a few steps with it and without it."""

from pathlib import Path
from typing import Any

import torch

import dipole
from dipole.data import Examples
from dipole.training.recipe import read_recipe


def trained(name: str, examples: Examples, out: Path, **given: Any) -> dict[str, torch.Tensor]:
    """The weights after three steps (or `max_steps`) of a recipe with other settings, in small
    batches without a warm-up.

    None takes a setting of the recipe away.
    """
    settings = {"batch_size": 8, "max_steps": 3, "warmup": 0, "precision": "fp32"} | given
    recipe = {k: v for k, v in (read_recipe(name) | settings).items() if v is not None}
    run = dipole.fit(examples, out=out, seed=3, show_progress=False, **recipe)
    return run.encoder.weights()


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether some weight is another."""
    return any(not value.equal(other[name]) for name, value in one.items())
