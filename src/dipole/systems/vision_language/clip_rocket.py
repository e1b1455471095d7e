"""CLIPRocket: a weak and two strong views of both sides, and a head of its own for the strong."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Pairs
from dipole.declared import Count
from dipole.errors import InputError
from dipole.studies.benches.captions import rows
from dipole.studies.claim import AtLeast, Claim
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


def thousand(split: str, quick: bool = False) -> Pairs:
    """The bench's images and captions, of the training ones 1,000."""
    found = rows(split, quick)
    return found.select(np.arange(0, len(found), 5)) if split == "train" else found


def _perceptron(dim: int, hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (dim, hidden):
        layers += [nn.Linear(size, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, dim))


CLIP = {
    "view": ["anchor=weak"], "objective": "infonce",
    "objective_options": {"learn_temperature": True}, "parts": [],
}  # fmt: skip
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
    claim=Claim(
        sentence=(
            "Two strong views of images and texts beside the weak one, label smoothing and a head "
            "for the strong views make a better CLIP."
        ),
        bench="captions",
        settings={"data": f"{__name__}:thousand", "epochs": 32},
        regime=(
            "32 epochs as in the paper, for which the bench's 5,000 images would take too long:"
            " 1,000 of them."
        ),
        arms={"clip-rocket": {}, "clip": CLIP},
        primary=AtLeast("clip-rocket", "clip", on="zero-shot accuracy"),
        reported=(
            "up to a quarter better, relatively, than a plain CLIP on zero-shot tasks (abstract)"
        ),
        notes=(
            "CLIP has the weak view of the images alone, as the original its crops. Both see every"
            " image equally often, CLIP-Rocket in three views each time, which costs twice as much."
            " With 5,000 images and six epochs, where little is seen twice, both are alike (one"
            " seed: 48.5, and 49.0 of CLIP)."
        ),
        lesson=(
            "Where images are few and seen often, strong views of images and captions beside the "
            "weak ones, with a head of their own, add a point of zero-shot accuracy to CLIP at "
            "twice the cost."
        ),
    ),
)
