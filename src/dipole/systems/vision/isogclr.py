"""iSogCLR: a temperature per example, high where there is much alike; small batches lose less."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dipole.studies.claim import AtLeast, Claim, Inequality
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TEMPERATURES = (0.1, 0.2, 0.5)
OPTIONS: dict[str, Any] = {"eta": 1e-2, "rho": 1.0, "temperature": 0.2}
EPOCHS = 15
NAME = "correlation of frequency and temperature"


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """Whether a class has higher temperatures where it is frequent than where it is rare.

    Rank correlation over the classes, of the differences between a long tail and the turned one:
    how spread out a class is, frequent or not, drops out.
    """
    from scipy.stats import spearmanr

    (counts, tau), (turned_counts, turned_tau) = (
        temperatures(seed, quick, turned=turned) for turned in (False, True)
    )
    change = tau - turned_tau
    if np.ptp(change) == 0:  # nothing has moved yet
        return {NAME: 0.0}
    return {NAME: float(spearmanr(np.log(counts / turned_counts), change).statistic)}


def temperatures(seed: int, quick: bool, *, turned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Size and mean temperature of every class after a training on a long tail."""
    import dipole
    from dipole.objectives import ISogCLR
    from dipole.systems.vision.cacr import long_tailed

    examples = long_tailed("train", quick, turned=turned)
    objective = ISogCLR(**OPTIONS)
    with tempfile.TemporaryDirectory() as folder:
        dipole.fit(
            examples, "conv", objective, out=Path(folder) / "run", view=["simclr"], batch_size=32,
            epochs=0.2 if quick else EPOCHS, seed=seed, show_progress=False,
        )  # fmt: skip
    labels = np.asarray(list(examples.column("label")))
    names, counts = np.unique(labels, return_counts=True)
    tau = objective.tau[0].numpy()
    return counts, np.array([tau[labels == name].mean() for name in names])


SYSTEM = System(
    id="isogclr",
    paper=(
        "Qiu et al. 2023, Not All Semantics are Created Equal: Contrastive Self-supervised "
        "Learning with Automatic Temperature Individualization, arXiv 2305.11965"
    ),
    # The authors' settings for two views of CIFAR-100 (LARS at 0.8 for 128). Images and texts:
    # --objective isogclr --objective-option modalities=true. The claim's arms have AdamW.
    recipe=Recipe(
        wants=["images"],
        encoder="conv",
        view=["simclr"],
        objective="isogclr",
        objective_options={"rho": 0.4, "eta": 0.03, "beta": 0.5, "gamma": 0.8},
        temperature=0.1,
        batch_size=128,
        optimizer="lars",
        optimizer_options={"momentum": 0.9},
        learning_rate=0.8,
        schedule="cosine",
        weight_decay=1e-4,
        clip_norm=None,
    ),
    claim=Claim(
        sentence=(
            "Temperatures that each example finds for itself are higher for frequent classes and do"
            " as well as the best single one; a running denominator makes small batches lose less."
        ),
        data="dipole.systems.vision.cacr:long_tailed",
        settings={"encoder": "conv", "view": ["simclr"], "epochs": EPOCHS},
        arms={
            "isogclr": {
                "objective": "isogclr",
                "objective_options": {"eta": OPTIONS["eta"], "rho": OPTIONS["rho"]},
                "temperature": OPTIONS["temperature"],
                "batch_size": 32,
            },
            **{
                f"ntxent {t}, batch 32": {"objective": "ntxent", "temperature": t, "batch_size": 32}
                for t in TEMPERATURES
            },
            **{
                f"{name} 0.1, batch {size}": {
                    "objective": name,
                    "temperature": 0.1,
                    "batch_size": size,
                }
                for name in ("sogclr", "ntxent")
                for size in (16, 256)
            },
        },
        measures=["knn"],
        experiment=experiment,
        seeds=3,
        picture="kNN accuracy",
        holds=[
            AtLeast(NAME, 0.3),
            *(
                AtLeast("isogclr", f"ntxent {t}, batch 32", by=-0.3, on="kNN accuracy")
                for t in TEMPERATURES
            ),
            Inequality(
                {
                    "ntxent 0.1, batch 256": 1.0,
                    "ntxent 0.1, batch 16": -1.0,
                    "sogclr 0.1, batch 256": -1.0,
                    "sogclr 0.1, batch 16": 1.0,
                },
                least=0.0,
                on="kNN accuracy",
                says="kNN accuracy: from batch 256 to 16 ntxent loses at least as much as sogclr",
            ),
        ],
        notes=(
            "Long-tailed training images (300 of the first class, 15 of the last), a balanced test."
            " The correlation is of changes: each class is frequent in one training and rare in"
            " another. Over one training, as first run, it was -0.61 [-0.68, -0.55], but there the"
            " frequency of a class cannot be told from the class. The step of the temperatures is"
            " ten times the paper's and rho is 1 instead of 6: an example is seen 15 times here and"
            " not 400, and KL cannot exceed the logarithm of the number of negatives in a batch."
        ),
    ),
)
