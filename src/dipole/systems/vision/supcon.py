"""SupCon: labels in the contrast instead of a classifier."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from dipole.declared import Count
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.studies.benches.training import on_bench
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

HERE = "dipole.systems.vision.supcon"
CLASSES = 10


class CrossEntropy(Objective):
    """The baseline: a linear classifier on the unit vectors, trained with them."""

    dim: Count = 128

    def make(self) -> None:
        self.classifier = nn.Linear(self.dim, CLASSES)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, views: Tensor, labels: Tensor) -> Tensor:
        logits = self.classifier(views.flatten(0, 1) * self.log_scale.exp())
        rows = nn.functional.cross_entropy(logits, labels.repeat(len(views)), reduction="none")
        return reduce(rows, self.reduction)


def damaged(model: Trained) -> Mapping[str, np.ndarray]:
    """Linear probe on clean training images, tested on clean, noisy and blurred ones, in points."""
    from scipy.ndimage import gaussian_filter

    from dipole.evaluation.tasks.probe import probe_labels

    images = np.stack(list(model.test.column("input"))).astype(np.float64)
    noise = np.random.default_rng(0).normal(0, 25, images.shape)
    kinds = {
        "noise": images + noise,
        "blur": gaussian_filter(images, (0, 0.8, 0.8)),
    }
    found = {}
    for name, changed in kinds.items():
        pixels = list(np.clip(np.rint(changed), 0, 255).astype(np.uint8))
        vectors = model.encoder.encode(pixels)
        guess, _ = probe_labels(model.train_vectors, model.train_labels, vectors, C=1.0)
        found[name] = 100.0 * (guess == model.test_labels)
    clean, _ = probe_labels(model.train_vectors, model.train_labels, model.test_vectors, C=1.0)
    return {
        "probe, clean": 100.0 * (clean == model.test_labels),
        "probe, damaged": (found["noise"] + found["blur"]) / 2,
    }


# Small images, as in the paper: momentum SGD at 0.5 for 1,024, ten epochs of 1,000 to warm up.
# Its strongest views are AutoAugment's; decay and the like are those of the authors' code.
RECIPE = Recipe(
    wants=["labelled-images"],
    encoder="conv",
    view=["simclr"],
    objective="supcon",
    temperature=0.1,
    batch_size=1024,
    optimizer="sgd",
    optimizer_options={"momentum": 0.9},
    learning_rate=0.5,
    schedule="cosine",
    warmup=0.01,
    weight_decay=1e-4,
    clip_norm=None,
)
SYSTEM = System(
    id="supcon",
    paper="Khosla et al. 2020, Supervised Contrastive Learning, arXiv 2004.11362",
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Contrasting classes learns as much as cross-entropy and is more robust to damaged "
            "images; the mean over positives belongs outside the logarithm."
        ),
        data="fashion-mnist-14",
        settings={"batch_size": 128},
        arms={
            "out": on_bench(RECIPE),
            "in": on_bench(RECIPE, objective_options={"variant": "in"}),
            "cross-entropy": on_bench(
                RECIPE,
                objective=f"{HERE}:CrossEntropy",
                temperature=None,
                encoder_options={"head": None},
            ),
        },
        measures=[f"{HERE}:damaged"],
        primary=AtLeast("out", "cross-entropy", by=-0.5, on="probe, clean"),
        reported="",
        secondary=[
            AtLeast("out", "cross-entropy", by=2.0, on="probe, damaged"),
            AtLeast("out", "in", by=0.5, on="probe, clean"),
        ],
        notes=(
            "Cross-entropy trains the same tower with a linear classifier on its unit vectors and a"
            " learnt scale, no head between; the contrast has the head it drops afterwards. Damage:"
            " normal noise of deviation 25 (of 255) and a blur of 0.8 pixels; the probe is fitted"
            " on clean images. Views, steps and batches are the same."
        ),
    ),
)
