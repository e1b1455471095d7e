"""SuSana Distancia: queries near their class's prototype, by a margin nearer than any other's, and
every row of an episode among neighbours of its own class.

Code that seems to be the authors' (its repository could not be named) takes the mean of the losses
that are chosen, cross-entropy of the prototypes among them; the sum here is three times that.
`--objective "prototypical + proto-triplet"` leaves the score of neighbours out.
"""

from __future__ import annotations

from torch import Tensor

from dipole.declared import Count
from dipole.errors import InputError
from dipole.evaluation.tasks.few_shot import few_shot_accuracy
from dipole.objectives.maths import everywhere
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.parts.base import Part
from dipole.training.recipe import Recipe

HERE = "dipole.systems.vision.proto_triplet_icnn"


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


def few_shots(model: Trained) -> Measured:
    """Accuracy of the nearest prototype among five unseen classes, per episode, in points."""
    return {
        f"{shots}-shot accuracy": 100.0
        * few_shot_accuracy(model.test_vectors, model.test_labels, ways=5, shots=shots)
        for shots in (1, 5)
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
        parts=[{f"{HERE}:Episode": {"shots": 5}}],
        sampler="classes",
        sampler_options={"per_class": 20},
        batch_size=100,
    ),
    claim=Claim(
        sentence=(
            "A margin between the own and the nearest wrong prototype, and purer neighbourhoods,"
            " make unseen classes easier to tell from few examples than prototypes alone."
        ),
        bench="classes",
        settings={"batch_size": 100, "sampler_options": {"per_class": 20}},
        regime="episodes: batches of five classes with five rows of support and 15 queries each.",
        arms={
            "all three": {},
            "prototypical": {"objective": "prototypical"},
            "with proto-triplet": {"objective": "prototypical + proto-triplet"},
            "with icnn": {"objective": "prototypical + icnn(views=episode, labels=episode_labels)"},
        },
        measures=[f"{HERE}:few_shots"],
        primary=AtLeast("all three", "prototypical", on="1-shot accuracy"),
        delta=0.5,
        reported=(
            "2 % more than other metric-based methods of few-shot learning on miniImageNet"
            " (abstract)"
        ),
        secondary=[
            AtLeast("all three", "prototypical", on="5-shot accuracy"),
            AtLeast("with proto-triplet", "prototypical", on="1-shot accuracy"),
            AtLeast("with icnn", "prototypical", on="1-shot accuracy"),
        ],
        notes=(
            "Accuracy of the nearest prototype in 600 episodes of five of the 75 unseen intents."
            " Both losses are those of code that seems to be the authors', which differ from a"
            " first reading of the"
            " paper: distances are not squared, only the nearest wrong prototype counts, with a"
            " margin of 0.5, and the score of neighbours stands in a logarithm, without the spread"
            " of the distances. Vectors have length 1 here, where the authors' have any."
        ),
        lesson=(
            "A margin to the nearest wrong prototype adds a point to prototypical training, with "
            "one example and with five; the loss of neighbourhoods added nothing that shows."
        ),
    ),
)
