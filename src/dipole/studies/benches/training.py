"""What a claim trains: a recipe on a bench, and the encoder that comes out, without its run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from dipole.data import Examples
from dipole.encoders.base import Encoder
from dipole.training.recipe import Recipe, over, read_recipe

# How the weights move.
OPTIMISER = (
    "optimizer", "optimizer_options", "learning_rate", "schedule", "warmup", "weight_decay",
    "clip_norm",
)  # fmt: skip
# What a bench decides in the place of a recipe. Rates, their schedules and batches are published
# for other data and larger towers, and for hundreds of epochs: in runs of seconds all arms have the
# tower's own AdamW and the bench's batch. And its data are of the kind they are: images have
# classes, which a recipe of images does not ask for.
BENCH = ("wants", "batch_size", *OPTIMISER)


def on_bench(recipe: str | Recipe, **difference: Any) -> dict[str, Any]:
    """Settings of an arm: the recipe without what a bench decides, but for some differences.

    Options are added to the recipe's, one by one, unless what they belong to is another, as
    `dipole train --recipe` does.

    Example:
        >>> recipe = Recipe(objective="macl", objective_options={"alpha": 0.5}, batch_size=256)
        >>> on_bench(recipe, objective_options={"threshold": 0.8}, batch_size=32)
        {'objective': 'macl', 'objective_options': {'alpha': 0.5, 'threshold': 0.8}, 'batch_size': 32}
    """
    kept = {name: value for name, value in read_recipe(recipe).items() if name not in BENCH}
    return over(kept, difference)


def trained(
    data: Examples,
    encoder: str | Encoder | None = None,
    *,
    recipe: str | Recipe | None = None,
    seed: int,
    **settings: Any,
) -> Encoder:
    """The encoder after a training, whose run is thrown away; settings as those of `dipole.fit`."""
    import dipole

    with tempfile.TemporaryDirectory() as folder:
        return dipole.fit(
            data, encoder, out=Path(folder) / "run", recipe=recipe, seed=seed,
            show_progress=False, **settings,
        ).encoder  # fmt: skip
