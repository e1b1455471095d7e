"""GML: contrast and logit adjustment as one formula, over classes with the prior of a long tail.

Keys of the past with their classes, of a teacher that follows, and a cosine classifier on the same
vectors; both know how many examples each class has. The paper's second training, of a student by
the first one's logits, is `LogitAdjusted(distil=1)` with `teacher_scores`. Two heads, and slots of
the queue that every class has for itself, are not built: one vector serves both terms, and a class
without a key in the queue is not counted.
"""

from __future__ import annotations

from torch import Tensor

from dipole.objectives.sets.gml import LogitAdjusted
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class Classifier(LogitAdjusted):
    """`LogitAdjusted` of the first training: without logits of a teacher. The one here follows and
    makes keys."""

    def forward(self, anchor: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(anchor, labels)


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
)
