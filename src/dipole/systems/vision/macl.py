"""MACL: a temperature that follows the alignment makes its start matter less."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dipole.studies.benches.training import on_bench
from dipole.studies.claim import AtLeast, AtMost, Claim, Inequality, Outcome
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TEMPERATURES = (0.05, 0.1, 0.2, 0.5)


def spreads(outcome: Outcome) -> Mapping[str, np.ndarray]:
    """Largest minus smallest kNN accuracy over the temperatures, per seed."""
    found = {}
    for name in ("ntxent", "macl"):
        means = [outcome[f"{name} {t}"]["kNN accuracy"].mean(1) for t in TEMPERATURES]
        found[f"spread of {name}"] = np.ptp(np.stack(means), axis=0)
    return found


# For images; the paper's sentences start at 0.05 with alpha = 2 and a threshold of 0.8.
RECIPE = Recipe(
    wants=["images"],
    encoder="conv",
    view=["simclr"],
    objective="macl",
    objective_options={"alpha": 0.5, "threshold": 0.0},
    temperature=0.1,
    batch_size=256,
)
SYSTEM = System(
    id="macl",
    paper=(
        "Huang et al. 2023, Model-Aware Contrastive Learning: Towards Escaping the Dilemmas, "
        "arXiv 2207.07874"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A temperature that rises with the alignment of the positive pairs, and rows weighted "
            "against vanishing gradients, learn more from small batches and depend less on the "
            "temperature they start from."
        ),
        data="fashion-mnist-14",
        settings={"batch_size": 32},
        arms={
            **{
                f"ntxent {t}": on_bench(
                    RECIPE, objective="ntxent", objective_options={}, temperature=t
                )
                for t in TEMPERATURES
            },
            **{f"macl {t}": on_bench(RECIPE, temperature=t) for t in TEMPERATURES},
        },
        measures=["knn"],
        derive=spreads,
        primary=AtLeast("macl 0.1", "ntxent 0.1", by=0.5, on="kNN accuracy"),
        reported="",
        secondary=[
            Inequality(
                {f"macl {t}": 0.25 for t in TEMPERATURES}
                | {f"ntxent {t}": -0.25 for t in TEMPERATURES},
                least=0.5,
                on="kNN accuracy",
                says="kNN accuracy, mean over the temperatures: macl >= ntxent + 0.5",
            ),
            AtMost("spread of macl", "spread of ntxent"),
        ],
        notes=(
            "Batches of 32, where the paper sees the vanishing gradients; 0.1 is its temperature"
            " for images, alpha = 0.5 and a threshold of 0 likewise."
        ),
    ),
)
