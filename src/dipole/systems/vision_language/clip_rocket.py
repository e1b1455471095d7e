"""CLIPRocket: a weak and two strong views of both sides, and a head of its own for the strong."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dipole.declared import Count
from dipole.errors import InputError
from dipole.systems.base import System
from dipole.training.parts.base import Part, Setup
from dipole.training.recipe import Recipe
from dipole.training.rendering import view_name


class StrongHeads(Part):
    """The strong views of each side go through a perceptron of three layers with batch
    normalisation; the weak view, the first of a side, is what the tower gives, and what is saved.

    Views are those of the first side, then as many of the second.
    """

    takes = ("anchor", "positive")
    gives = ("anchor", "positive")

    hidden: Count = 256

    def bind(self, setup: Setup) -> None:
        dim, hidden = setup.encoder.dim, self.hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(setup.seed)
            self.heads = nn.ModuleList(_perceptron(dim, hidden) for _ in range(2))

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        count = 2 + sum(name.startswith("view_") for name in batch)
        if count % 2:
            raise InputError(f"strong heads: found {count} views; expected as many of each side")
        made = {}
        for index in range(count):
            side, place = divmod(index, count // 2)
            if place:
                made[view_name(index)] = self.heads[side](batch[view_name(index)])
        return batch | made


def _perceptron(dim: int, hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (dim, hidden):
        layers += [nn.Linear(size, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, dim))


SYSTEM = System(
    id="clip-rocket",
    paper="Fini et al. 2023, Improved baselines for vision-language pre-training, arXiv 2305.08675",
    # Strong views of a text delete words (the paper also swaps and inserts some). Its baselines are
    # terms to add: 0.025 * barlow-twins, 2 * siamese, 0.2 * swalip.
    recipe=Recipe(
        wants=["image-text"],
        encoder="towers",
        view=["anchor=weak", "anchor=strong*2", "positive=same", "positive=word-deletion*2"],
        objective="clip-rocket",
        objective_options={"strong_temperature": 0.1, "label_smoothing": 0.1},
        temperature=0.07,
        parts=[{"dipole.systems.vision_language.clip_rocket:StrongHeads": {}}],
    ),
)
