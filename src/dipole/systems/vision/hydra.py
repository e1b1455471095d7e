"""Hydra: samples of any two classes are a pair, in the dimensions that their classes share."""

from __future__ import annotations

from torch import Tensor

from dipole.objectives.maths import everywhere
from dipole.objectives.whole_batch import whole_batch
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.parts.base import Part
from dipole.training.recipe import Recipe


class AnyPairs(Part):
    """Every anchor's positive is the view of the row behind it in the batch, of whatever class,
    with its class as `positive_labels`.

    Who stands behind whom is drawn by the sampler, so of C even classes (C - 1) / C of the pairs
    are of two, as in the authors' code, which permutes the classes of a batch. Positives there are
    all images of the class drawn, of the one view that it has.
    """

    takes = ("positive", "labels", "rows")
    gives = ("positive", "positive_labels")

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        rows = everywhere(batch["rows"])
        own = (rows == batch["rows"][:, None]).int().argmax(1)
        behind = (own + 1) % len(rows)
        return batch | {
            "positive": whole_batch(batch["positive"])[behind],
            "positive_labels": everywhere(batch["labels"])[behind],
        }


SYSTEM = System(
    id="hydra",
    paper="Wu et al. 2024, Rethinking Positive Pairs in Contrastive Learning, arXiv 2410.18200",
    recipe=Recipe(
        wants=["labelled"],
        objective="hydra",
        temperature=0.1,
        parts=["classes", {f"{__name__}:AnyPairs": {}}],
    ),
    claim=Claim(
        sentence=(
            "Images of any two classes can be positives of each other where a gate of the pair of "
            "classes chooses the dimensions in which they are to be alike."
        ),
        bench="views",
        settings={"view": ["simclr"]},
        regime="the views of images that all contrast on the bench has; the recipe says none.",
        arms={"gated": {}, "ungated": {"objective_options": {"gated": False}}},
        primary=AtLeast("gated", "ungated", on="kNN accuracy"),
        reported=(
            "in words: superior where the 1,000 classes of ImageNet make 500,500 pairs, most of"
            " them of unlike classes (abstract; the numbers of its tables are not confirmed here)"
        ),
        looks=(5, 10),
        notes=(
            "Nine in ten pairs are of two classes. Without a gate the same pairs ask all classes to"
            " be alike in all dimensions. The network of the gate is smaller than the authors' and"
            " has no batch normalisation; their classifier on the side, which the encoder does not"
            " feel, is left out."
        ),
        lesson=(
            "With positives of any two classes a gate on the dimensions gains two points; without "
            "it little is learnt beyond an untrained tower."
        ),
    ),
)
