"""iSogCLR: a temperature per example, high where there is much alike; small batches lose less."""

from __future__ import annotations

import numpy as np

from dipole.studies.benches.training import on_bench, trained
from dipole.studies.claim import AtLeast, Claim, Inequality
from dipole.systems.base import System
from dipole.training.recipe import Recipe

TEMPERATURES = (0.1, 0.2, 0.5)
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
    from dipole.objectives import ISogCLR
    from dipole.systems.vision.cacr import long_tailed

    examples = long_tailed("train", quick, turned=turned)
    objective = ISogCLR(ARM["temperature"], **ARM["objective_options"])
    own = {"objective": objective, "objective_options": {}, "temperature": None}
    trained(examples, seed=seed, epochs=0.2 if quick else EPOCHS, **ARM | own)
    labels = np.asarray(list(examples.column("label")))
    names, counts = np.unique(labels, return_counts=True)
    tau = objective.tau[0].numpy()
    return counts, np.array([tau[labels == name].mean() for name in names])


# The authors' settings for two views of CIFAR-100 (LARS at 0.8 for 128). Images and texts:
# --objective isogclr --objective-option modalities=true. The claim's arms have AdamW.
RECIPE = Recipe(
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
)
# An example is seen 15 times: faster temperatures, and a weaker pull to 1.
ARM = on_bench(RECIPE, objective_options={"eta": 1e-2, "rho": 1.0}, temperature=0.2, batch_size=32)
SYSTEM = System(
    id="isogclr",
    paper=(
        "Qiu et al. 2023, Not All Semantics are Created Equal: Contrastive Self-supervised "
        "Learning with Automatic Temperature Individualization, arXiv 2305.11965"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Temperatures that each example finds for itself are higher for frequent classes and do"
            " as well as the best single one; a running denominator makes small batches lose less."
        ),
        data="dipole.systems.vision.cacr:long_tailed",
        settings={"epochs": EPOCHS},
        arms={
            "isogclr": ARM,
            **{
                f"ntxent {t}, batch 32": on_bench(
                    RECIPE, objective="ntxent", objective_options={}, temperature=t, batch_size=32
                )
                for t in TEMPERATURES
            },
            **{
                f"{name} 0.1, batch {size}": on_bench(
                    RECIPE, objective=name, objective_options={}, batch_size=size
                )
                for name in ("sogclr", "ntxent")
                for size in (16, 256)
            },
        },
        measures=["knn"],
        experiment=experiment,
        primary=AtLeast(NAME, 0.3),
        reported="",
        secondary=[
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
