"""Metrix: mixtures with fractional labels cover the space between the classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels.draws import for_rows
from dipole.objectives.maths import everywhere
from dipole.objectives.whole_batch import whole_batch
from dipole.sampling.mixed_pairs import mixed_pairs
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.measures import Trained
from dipole.systems.base import System
from dipole.training.parts import Part
from dipole.training.recipe import Recipe


class LabelMixtures(Part):
    """An anchor's negatives of the batch of all processes, each mixed with one of its positives or,
    by a coin for the batch, with the anchor itself: its `candidates`, and in `relevance` how
    positive they are (`sampling.mixed_pairs`; the paper's mixtures of vectors, its cheapest level).

    An anchor has as many as the one that has the fewest negatives, drawn where it has more; one
    without a positive is mixed with itself.
    """

    takes = ("anchor", "labels", "rows")
    gives = ("candidates", "relevance")

    concentration: Positive = 2.0

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        anchor, labels = batch["anchor"], batch["labels"]
        z, every, rows = whole_batch(anchor), everywhere(labels), everywhere(batch["rows"])
        alike, own = labels[:, None] == every, batch["rows"][:, None] == rows
        beta = torch.distributions.Beta(self.concentration, self.concentration)

        def draw(n: int) -> dict[str, Tensor]:
            one = (n, len(every))
            found = {"order": torch.rand(one), "partner": torch.rand(one), "coin": torch.rand(())}
            return found | {"weight": beta.sample()}

        drawn = {k: x.to(anchor.device) for k, x in for_rows(draw, len(anchor)).items()}
        # Of all processes alike: every class's anchors have the same negatives.
        count = int((every[:, None] != every).sum(1).min())
        order = drawn["order"].masked_fill(alike, torch.inf)
        negatives = z[order.topk(count, largest=False).indices]
        partner = drawn["partner"].masked_fill(~alike | own, -1.0)
        partner = torch.where((alike & ~own).any(1), partner.argmax(1), own.int().argmax(1))
        first = z[partner] if drawn["coin"] < 0.5 else anchor
        mixed, relevance = mixed_pairs(first, negatives, weight=float(drawn["weight"]))
        return batch | {"candidates": mixed, "relevance": relevance}


HERE = "dipole.systems.vision.metrix"
RECIPE = Recipe(
    wants=["labelled"],
    view=["same*1"],
    objective="multi-similarity + 0.4 * metrix",
    parts=[{f"{HERE}:LabelMixtures": {}}],
    sampler="classes",
    batch_size=100,
)
CONTRASTIVE = {
    "objective": "contrastive-batch + 0.4 * metrix",
    "objective_options": {"metrix.template": "contrastive"},
}


def covered(model: Trained) -> dict[str, float]:
    """How much nearer the test vectors are to a set half of which are mixtures of two classes than
    to one as large of clean training vectors: a difference of mean squared distances."""
    clean, labels, test = model.train_vectors, model.train_labels, model.test_vectors
    rng = np.random.default_rng(model.config.seed)
    n = len(clean)
    i, j = rng.integers(0, n, (2, 20 * n))
    apart = labels[i] != labels[j]
    i, j = i[apart][:n], j[apart][:n]
    share = rng.beta(2, 2, (len(i), 1))
    mixed = share * clean[i] + (1 - share) * clean[j]
    both = np.concatenate([clean[rng.permutation(n)[: n // 2]], mixed[: n - n // 2]])

    def distance(points: np.ndarray) -> float:
        squares = (test**2).sum(1)[:, None] + (points**2).sum(1) - 2 * test @ points.T
        return float(squares.min(1).mean())

    return {"nearer by mixtures": distance(clean) - distance(both)}


SYSTEM = System(
    id="metrix",
    paper=(
        "Venkataramanan et al. 2021, It Takes Two to Tango: Mixup for Deep Metric Learning, "
        "arXiv 2106.04990"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Mixtures of examples with interpolated labels improve the retrieval of unseen "
            "classes, because they lie nearer to them than the training examples do."
        ),
        bench="classes",
        arms={
            "multi-similarity + metrix": {},
            "multi-similarity": {"objective": "multi-similarity", "parts": []},
            "contrastive + metrix": CONTRASTIVE,
            "contrastive": {"objective": "contrastive-batch", "parts": []},
        },
        measures=[f"{HERE}:covered"],
        primary=AtLeast("multi-similarity + metrix", "multi-similarity", on="MAP@R"),
        reported=(
            "Recall@1 with mixtures of vectors, on unseen birds, cars and products: 70.2, 88.8,"
            " 78.5 against 67.8, 87.8, 76.9 of multi-similarity; 66.4, 83.9, 76.7 against 64.7,"
            " 81.6, 74.9 of the contrastive loss (the authors' page)"
        ),
        secondary=[
            AtLeast("contrastive + metrix", "contrastive", on="MAP@R"),
            AtLeast("multi-similarity + metrix", 0.0, on="nearer by mixtures"),
        ],
        notes=(
            "Mixtures of vectors (the cheapest of the paper's three levels), weight 0.4, Beta(2,"
            " 2). *Nearer by mixtures*: how much nearer test questions, all of unseen intents, are"
            " to a set half of which are mixtures of two training classes than to one of the same"
            " size without, so that a larger set is not the reason. They are so without training"
            " on mixtures too, and a little more."
        ),
        lesson=(
            "Mixtures of vectors add some 0.4 points of MAP@R to multi-similarity, which took "
            "20 seeds to see."
        ),
    ),
)
