"""Metrix: mixtures with fractional labels cover the space between the classes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from dipole.data import Labeled
from dipole.declared import Positive
from dipole.encoders.base import Encoder
from dipole.kernels.draws import for_rows
from dipole.objectives.maths import everywhere
from dipole.objectives.whole_batch import whole_batch
from dipole.sampling.mixed_pairs import mixed_pairs
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.systems.vision.multi_similarity import right, unseen_classes
from dipole.training.parts import Part
from dipole.training.recipe import Recipe

EACH, STEPS = 20, 200
Template = Literal["contrastive", "multi-similarity"]
TEMPLATES: tuple[Template, ...] = get_args(Template)


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
ARMS: dict[str, dict[str, Any]] = {
    "contrastive": {"objective": "contrastive-batch", "parts": []},
    "contrastive + metrix": {
        "objective": "contrastive-batch + 0.4 * metrix",
        "objective_options": {"metrix.template": "contrastive"},
    },
    "multi-similarity": {"objective": "multi-similarity", "parts": []},
    "multi-similarity + metrix": {},
}


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Recall@1 on unseen classes with and without mixtures, and how near these are to them."""
    train, test = (unseen_classes(part, quick) for part in ("train", "test"))
    images, labels = list(train.column("input")), np.asarray(list(train.column("label")))
    unseen, truth = list(test.column("input")), np.asarray(list(test.column("label")))
    found: dict[str, np.ndarray | float] = {}
    for arm, settings in ARMS.items():
        encoder = trained(train, settings, seed, steps=3 if quick else STEPS)
        vectors = encoder.encode(unseen).astype(np.float64)
        found[f"Recall@1, {arm}"] = 100.0 * right(vectors, truth)
        if settings.get("parts") is None:  # those of the recipe: mixtures
            name = arm.removesuffix(" + metrix")
            covered = utilisation(encoder.encode(images), labels, vectors, seed)
            found |= {f"{what}, {name}": value for what, value in covered.items()}
    return found


def trained(train: Labeled, settings: dict[str, Any], seed: int, *, steps: int) -> Encoder:
    """A small convolutional tower; batches of 20 images of each of 5 classes."""
    import dipole

    with tempfile.TemporaryDirectory() as folder:
        run = dipole.fit(
            train, "conv", out=Path(folder) / "run", recipe=RECIPE | settings, max_steps=steps,
            batch_size=5 * EACH, sampler_options={"per_class": EACH}, learning_rate=1e-3,
            encoder_options={"head": None}, seed=seed, show_progress=False,
        )  # fmt: skip
        return run.encoder


def utilisation(
    clean: np.ndarray, labels: np.ndarray, test: np.ndarray, seed: int
) -> dict[str, float]:
    """Mean squared distance of test vectors to the nearest of a set, lower is better covered.

    Of the clean training vectors, and of as many, half of which are mixtures of two classes.
    """
    rng = np.random.default_rng(seed)
    n = len(clean)
    i, j = rng.integers(0, n, (2, 20 * n))
    apart = labels[i] != labels[j]
    i, j = i[apart][:n], j[apart][:n]
    share = rng.beta(2, 2, (len(i), 1))
    mixed = share * clean[i] + (1 - share) * clean[j]
    both = np.concatenate([clean[rng.permutation(n)[: n // 2]], mixed[: n - n // 2]])

    def covered(points: np.ndarray) -> float:
        squares = (test**2).sum(1)[:, None] + (points**2).sum(1) - 2 * test @ points.T
        return float(squares.min(1).mean())

    return {"distance to clean": covered(clean), "distance to half mixed": covered(both)}


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
        experiment=experiment,
        primary=AtLeast("Recall@1, contrastive + metrix", "Recall@1, contrastive", by=0.5),
        reported="",
        secondary=[
            AtLeast("Recall@1, multi-similarity + metrix", "Recall@1, multi-similarity", by=-0.2),
            *(
                AtMost(f"distance to half mixed, {name}", f"distance to clean, {name}")
                for name in TEMPLATES
            ),
        ],
        notes=(
            "Mixtures of vectors (the cheapest of the paper's three levels), weight 0.4, Beta(2,"
            " 2). The distances are of unseen test images to the nearest of two sets of the same"
            " size, so that a larger set is not the reason."
        ),
    ),
)
