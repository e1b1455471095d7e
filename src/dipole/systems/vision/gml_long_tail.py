"""GML: contrast and logit adjustment as one formula, over classes with the prior of a long tail.

Keys of the past with their classes, of a teacher that follows, and a cosine classifier on the same
vectors; both know how many examples each class has. The paper's second training, of a student by
the first one's logits, is `LogitAdjusted(distil=1)` with `teacher_scores`. Two heads, and slots of
the queue that every class has for itself, are not built: one vector serves both terms, and a class
without a key in the queue is not counted.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from dipole.objectives.sets.gml import LogitAdjusted
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class Classifier(LogitAdjusted):
    """`LogitAdjusted` of the first training: without logits of a teacher. The one here follows and
    makes keys."""

    def forward(self, anchor: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(anchor, labels)


def class_means(model: Trained) -> Measured:
    """Share of test inputs nearest (cosine) to the mean of the training vectors of their class,
    however many there are of it."""
    names = np.unique(model.train_labels)
    means = np.stack([model.train_vectors[model.train_labels == c].mean(0) for c in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    found = names[(model.test_vectors @ means.T).argmax(1)]
    return {"accuracy by class means": 100.0 * (found == model.test_labels)}


SYSTEM = System(
    id="gml-long-tail",
    paper="Suh and Seo 2023, Long-Tailed Recognition by Mutual Information Maximization between "
    "Latent Features and Ground-Truth Labels, arXiv 2305.01160",
    recipe=Recipe(
        wants=["labelled"],
        objective=f"gml + {__name__}:Classifier",
        objective_options={"gml.counts": "data"},
        parts=["classes", {"queue": {"size": 4096}}, {"teacher": {"decay": 0.999}}],
        batch_size=256,
    ),
    claim=Claim(
        sentence=(
            "On a long tail, contrast with stored keys that knows the classes' prior adds to a "
            "classifier that knows it."
        ),
        bench="views",
        settings={
            "data": "dipole.systems.vision.isogclr:long_tailed",
            "epochs": 24,
            "view": ["simclr"],
        },
        regime=(
            "1,240 images in a long tail of 500 to 5 of a class; 24 epochs are as many steps as on"
            " the bench. The recipe says no view."
        ),
        arms={
            "gml": {"parts": ["classes", {"queue": {"size": 1024}}, {"teacher": {"decay": 0.99}}]},
            "logit-adjusted": {
                "objective": f"{__name__}:Classifier",
                "objective_options": {"counts": "data"},
                "parts": ["classes"],
            },
        },
        measures=[f"{__name__}:class_means"],
        primary=AtLeast("gml", "logit-adjusted", on="accuracy by class means"),
        delta=0.5,
        reported=(
            "CIFAR-100-LT with ratio 100: 53.0 after 200 epochs, 54.0 after 400 (the authors'"
            " page); where later authors ran both, with GML's teacher, 53.12 against 49.35 of"
            " balanced softmax (Son et al. 2025, table 2)"
        ),
        looks=(5, 10),
        notes=(
            "A queue of 1,024 keys of a teacher with decay 0.99 (the runs are short). Judged by the"
            " nearest mean of a class, which owes nothing to how many images it has; the test has"
            " all classes in equal parts. One training, without the second by distillation."
        ),
    ),
)
