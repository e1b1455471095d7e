"""SuSana Distancia: queries near their class's prototype, by a margin nearer than any other's, and
every row of an episode among neighbours of its own class.

How the paper weighs its two losses, and whether it adds them, could not be confirmed: our reading
has both beside the prototypical loss with weight 1. `--objective "prototypical + proto-triplet"`
leaves the score of neighbours out.
"""

from __future__ import annotations

from torch import Tensor

from dipole.declared import Count
from dipole.errors import InputError
from dipole.objectives.maths import everywhere
from dipole.systems.base import System
from dipole.training.parts.base import Part
from dipole.training.recipe import Recipe


class Episode(Part):
    """The first `shots` rows of each class in the batch as `support`, the others as anchors; all of
    them as one view, `episode`."""

    takes = ("anchor", "labels", "rows")
    gives = ("anchor", "labels", "support", "support_labels", "episode", "episode_labels")

    shots: Count = 5

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        labels, rows = everywhere(batch["labels"]), everywhere(batch["rows"])
        # How many rows of its class stand before a row, in the batch of all processes.
        before = (labels[:, None] == labels).tril(-1).sum(1)
        own = (rows == batch["rows"][:, None]).int().argmax(1)
        if bool((before < self.shots).all()):
            raise InputError(
                f"episode: found no class of more than {self.shots} rows in a batch; expected "
                "queries beside the support: --sampler-option per_class=N above the shots"
            )
        is_support = before[own] < self.shots
        return batch | {
            "anchor": batch["anchor"][~is_support],
            "labels": batch["labels"][~is_support],
            "support": batch["anchor"][is_support],
            "support_labels": batch["labels"][is_support],
            "episode": batch["anchor"][None],
            "episode_labels": batch["labels"],
        }


SYSTEM = System(
    id="proto-triplet-icnn",
    paper="Mendez-Ruiz et al. 2023, SuSana Distancia is all you need: Enforcing class separability "
    "in metric learning via two novel distance-based loss functions for few-shot image "
    "classification, arXiv 2305.09062",
    # Five classes of 5 shots and 15 queries each. One view: a query is no view of its support.
    recipe=Recipe(
        wants=["labelled"],
        objective="prototypical + proto-triplet + icnn(views=episode, labels=episode_labels)",
        view=["same*1"],
        parts=[{f"{__name__}:Episode": {"shots": 5}}],
        sampler="classes",
        sampler_options={"per_class": 20},
        batch_size=100,
    ),
)
