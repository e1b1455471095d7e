"""GroCo: sorting groups of positives and negatives makes better neighbourhoods."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dipole.studies.claim import AtLeast, Claim, Outcome
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TEMPERATURES = (0.1, 0.2, 0.5)
# As configs/4views_100ep.yaml of ninatu/learning_by_sorting: a rate of 0.75 times the root of the
# batch, so 24, without LARC; one of 100 epochs warms up.
RECIPE = Recipe(
    wants=["images"],
    encoder="conv",
    view=["simclr*4"],
    objective="groco",
    batch_size=1024,
    optimizer="sgd",
    optimizer_options={"momentum": 0.9},
    learning_rate=24.0,
    schedule="cosine",
    warmup=0.01,
    weight_decay=1e-6,
    clip_norm=None,
)
# On the bench, with the tower's own AdamW.
OWN = {name: RECIPE.settings[name] for name in ("encoder", "view", "objective")}


def gaps(outcome: Outcome) -> Mapping[str, np.ndarray]:
    """kNN accuracy minus linear probe, per seed: how local the knowledge is."""
    return {
        f"kNN minus probe, {arm}": metrics["kNN accuracy"].mean(1) - metrics["linear probe"].mean(1)
        for arm, metrics in outcome.items()
        if "linear probe" in metrics
    }


SYSTEM = System(
    id="groco",
    paper=(
        "Shvetsova et al. 2023, Learning by Sorting: Self-supervised Learning with Group "
        "Ordering Constraints, arXiv 2301.02009"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Asking only that the group of positives ranks before the group of negatives learns "
            "as much as the softmax, and more of it shows among nearest neighbours."
        ),
        data="fashion-mnist-14",
        settings={"batch_size": 128},
        arms={
            "groco": OWN,
            **{
                f"ntxent {t}": OWN
                | {
                    "objective": "modalities",
                    "objective_options": {"within": True},
                    "temperature": t,
                }
                for t in TEMPERATURES
            },
        },
        measures=["knn", "probe"],
        derive=gaps,
        budget="5epochs",
        seeds=3,
        holds=[
            *(AtLeast("groco", f"ntxent {t}", by=-0.3, on="kNN accuracy") for t in TEMPERATURES),
            *(
                AtLeast("kNN minus probe, groco", f"kNN minus probe, ntxent {t}")
                for t in TEMPERATURES
            ),
        ],
        notes=(
            "Four views for all; NT-Xent is the mean over the pairs of views, at three"
            " temperatures. GroCo has the paper's settings and nothing to tune."
        ),
    ),
)
