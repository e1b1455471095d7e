"""Poly-view: for the same number of encoded images, fewer examples with more views learn more."""

from __future__ import annotations

from typing import Any

import numpy as np

from dipole.data import Labeled
from dipole.studies.benches.views import rows
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

OF_CLASS = 100  # images to train on
PASSES = 60  # encoded images per example: with these 1,000 as many in all as on the bench


def few(split: str, quick: bool = False) -> Labeled:
    """The bench's images, 100 of a class to train on."""
    whole = rows(split, quick)
    if split != "train" or quick:
        return whole
    labels = np.asarray(list(whole.column("label")))
    kept = [np.flatnonzero(labels == name)[:OF_CLASS] for name in np.unique(labels)]
    return whole.select(np.sort(np.concatenate(kept)))


def shaped(views: int) -> dict[str, Any]:
    """256 encoded images a step, of 256 / views examples; as many steps for any number of views."""
    return {"batch_size": 256 // views, "epochs": PASSES / views}


SYSTEM = System(
    id="poly-view",
    paper="Shidani et al. 2024, Poly-View Contrastive Learning, arXiv 2403.05490",
    recipe=Recipe(
        wants=["images"], encoder="conv", view=["simclr*8"], objective="poly-view", temperature=0.1
    ),
    claim=Claim(
        sentence=(
            "For the same number of encoded images it is better to see fewer examples with eight "
            "views each than more examples with two."
        ),
        bench="views",
        settings={"data": f"{__name__}:few"},
        regime=(
            "1,000 images, and as many encoded images as on the bench: the paper's trainings pass"
            " over the data hundreds of times, and eight views of 5,000 images would be one and a"
            " half passes."
        ),
        arms={
            "32 examples x 8 views": shaped(8),
            "128 examples x 2 views": {"view": ["simclr"], "objective": "ntxent"} | shaped(2),
        },
        primary=AtLeast("32 examples x 8 views", "128 examples x 2 views", on="kNN accuracy"),
        reported=(
            "on ImageNet-1k 128 epochs with batches of 256 beat SimCLR's 1,024 epochs with batches"
            " of 4,096 (abstract)"
        ),
        looks=(5, 10),
        notes=(
            "Equal numbers of steps, of encoded images in a step (256) and in all (60,000): 30"
            " epochs of two views, 7.5 of eight. The objective of eight views is the geometric"
            " mean; that of two is NT-Xent, which it nearly is with two views. Both have the"
            " paper's temperature, 0.1."
        ),
        lesson=(
            "Where the data are few and the computation is fixed, eight views of 32 images "
            "beat two views of 128."
        ),
    ),
)
