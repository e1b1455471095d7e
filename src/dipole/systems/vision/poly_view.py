"""Poly-view: for the same number of encoded images, fewer examples with more views learn more."""

from __future__ import annotations

import torch

from dipole.studies.benches.training import on_bench
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

PASSES = 16  # encoded images per example of the training set
RECIPE = Recipe(
    wants=["images"], encoder="conv", view=["simclr*8"], objective="poly-view", temperature=0.1
)


def shaped(views: int) -> dict[str, object]:
    """`views` views of 256 / views examples: equal steps, equal images per step and in all."""
    return {
        "view": [f"simclr*{views}"],
        "batch_size": 256 // views,
        "epochs": PASSES / views,
    }


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """The order of the two means, and what is left of them at two views, on random vectors."""
    from dipole.objectives import PolyView

    generator = torch.Generator().manual_seed(seed)
    views = torch.randn(5, 8, 16, generator=generator, dtype=torch.float64)
    losses = {mode: PolyView(0.1, mode=mode)(views).item() for mode in ("arithmetic", "geometric")}
    two = views[:2]
    # One query at a time against all views of the others: NT-Xent without the own other view.
    z = torch.nn.functional.normalize(two, dim=-1).reshape(16, 16) / 0.1**0.5
    logits = z @ z.T
    partner = torch.arange(16).roll(8)
    logits = logits.masked_fill(torch.eye(16, dtype=torch.bool), -torch.inf)
    plain = torch.nn.functional.cross_entropy(logits, partner).item()
    return {
        "geometric minus arithmetic": losses["geometric"] - losses["arithmetic"],
        "difference at two views": max(
            abs(PolyView(0.1, mode=mode)(two).item() - plain)
            for mode in ("arithmetic", "geometric", "sufficient")
        ),
    }


SYSTEM = System(
    id="poly-view",
    paper="Shidani et al. 2024, Poly-View Contrastive Learning, arXiv 2403.05490",
    recipe=RECIPE,
    claim=Claim(
        sentence="At a fixed number of encoded images it is better to have more views of fewer "
        "examples in a batch.",
        data="fashion-mnist-14",
        arms={
            "ntxent, 128 x 2": on_bench(RECIPE, objective="ntxent", **shaped(2)),
            "geometric, 64 x 4": on_bench(RECIPE, **shaped(4)),
            "geometric, 32 x 8": on_bench(RECIPE, **shaped(8)),
            "sufficient, 32 x 8": on_bench(
                RECIPE, objective_options={"mode": "sufficient"}, **shaped(8)
            ),
        },
        measures=["knn"],
        experiment=experiment,
        primary=AtLeast("geometric, 32 x 8", "ntxent, 128 x 2", on="kNN accuracy"),
        reported="",
        secondary=[
            AtLeast("sufficient, 32 x 8", "ntxent, 128 x 2", on="kNN accuracy"),
            AtLeast("geometric minus arithmetic", 0.0, every=True),
            AtMost("difference at two views", 1e-9, every=True),
        ],
        notes="Equal numbers of steps, of images in a step and of images in all: 256 at a time, 16 "
        "times every example. Both objectives have the paper's temperature.",
    ),
)
