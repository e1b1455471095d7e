"""SupReMix: mixtures that are hard because of their labels order the space by the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Labeled, load_labeled
from dipole.declared import Count, Positive
from dipole.errors import InputError
from dipole.kernels.draws import for_rows
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.studies.benches.training import trained
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.data import QUICK_TEST
from dipole.systems.base import System
from dipole.training.kinds import numbers_of
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe
from dipole.views.base import Features, View

HERE = "dipole.systems.vision.supremix"
LARGEST = 90  # degrees
STEPS, BATCH = 200, 64


class Standardised(Part):
    """The labels' `numbers` less their mean in the training data, in standard deviations: weights
    by distance and the window of SupReMix are in these units."""

    takes = ("numbers",)
    gives = ("numbers",)

    def bind(self, setup: Setup) -> None:
        numbers = numbers_of(setup.examples.column("label"))
        self.mean = float(np.mean(numbers or [0.0]))
        self.deviation = float(np.std(numbers or [0.0]))
        if not self.deviation:
            raise InputError("label: found one number for all; expected numbers that differ")

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return batch | {"numbers": (batch["numbers"] - self.mean) / self.deviation}


class PixelNoise(View):
    """Normal noise on every pixel, which leaves an image's angle."""

    def __init__(self, deviation: float = 0.05) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, features: Features) -> Features:
        image = features["image"]
        noise = for_rows(lambda n: {"x": torch.randn(n, *image.shape[1:])}, len(image))["x"]
        return features | {"image": image + self.deviation * noise.to(image)}


class Direct(Objective):
    """|w . (10 z) + b - y| with a learnt w and b, the mean over the views: the baseline.

    Shapes: views (v, n, dim); numbers (n,).
    """

    dim: Count = 128
    scale: Positive = 10.0

    def make(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.head = nn.Linear(self.dim, 1)

    def forward(self, views: Tensor, numbers: Tensor) -> Tensor:
        off = (self.head(self.scale * views)[..., 0] - numbers).abs()
        return reduce(off.mean(0), self.reduction)


# Two views of every example, given by dropout (texts); for images add --view weak.
RECIPE = Recipe(
    wants=["numbered"],
    view=["same"],
    objective="supremix(scores=numbers)",
    parts=[{f"{HERE}:Standardised": {}}],
    temperature=0.07,
)


def turned(part: str, quick: bool) -> Labeled:
    """Digits, each turned by whole degrees of its own, which are its label."""
    from scipy.ndimage import rotate

    digits = load_labeled("digits", split=part).column("input")
    images = np.stack(list(digits)[: QUICK_TEST if quick else None])
    angles = np.random.default_rng(part == "test").integers(0, LARGEST + 1, len(images))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    found = [rotate(x, a, reshape=False, order=1) for x, a in zip(padded, angles, strict=True)]
    return Labeled.from_columns({"input": np.stack(found), "label": angles.tolist()})


def arms() -> dict[str, dict[str, Any]]:
    """Arm -> what it has in the place of the recipe's."""
    window = {"window": 1.0}
    return {
        "supremix": {"objective_options": window},
        "no mix-pos": {"objective_options": window | {"positives": 0}},
        "no mix-neg": {"objective_options": window | {"negatives": 0}},
        "supcon": {"objective": "supcon", "parts": []},
        "direct": {
            "objective": f"{HERE}:Direct", "temperature": None, "encoder_options": {"head": None},
        },
    }  # fmt: skip


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Per arm: how far a linear probe is off (degrees), and how far distances follow the angles."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr
    from sklearn.linear_model import RidgeCV

    train, test = (turned(part, quick) for part in ("train", "test"))
    images, unseen = (list(part.column("input")) for part in (train, test))
    angles, truth = (np.asarray(list(part.column("label")), float) for part in (train, test))
    found: dict[str, np.ndarray | float] = {}
    for name, settings in arms().items():
        encoder = trained(
            train, "conv", recipe=RECIPE | settings, max_steps=3 if quick else STEPS,
            view=[f"{HERE}:PixelNoise"], batch_size=BATCH, learning_rate=1e-3, seed=seed,
        )  # fmt: skip
        vectors, tested = encoder.encode(images), encoder.encode(unseen)
        probe = RidgeCV(np.logspace(-4, 2, 7)).fit(vectors, angles)
        found[f"error, {name}"] = np.abs(probe.predict(tested) - truth)
        apart = spearmanr(pdist(tested[:300]), pdist(truth[:300, None])).statistic
        found[f"order, {name}"] = float(apart)
    return found


SYSTEM = System(
    id="supremix",
    paper="Wu et al. 2023, Mixup Your Own Pairs, arXiv 2309.16633",
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Contrast for regression with mixed pairs orders the space by the label and predicts "
            "it better than contrast of labels as classes."
        ),
        experiment=experiment,
        primary=AtMost("error, supremix", "error, supcon"),
        reported="a smaller error than SupCon on six data sets (no number is confirmed)",
        secondary=[
            AtMost("error, supremix", "error, direct"),
            AtLeast("order, supremix", "order, supcon"),
            AtMost("error, supremix", "error, no mix-pos"),
            AtMost("error, supremix", "error, no mix-neg"),
        ],
        delta=0.25,
        needs=["digits"],
        notes=(
            "scikit-learn's digits (8 x 8 pixels and a margin), each turned by 0 to 90 whole"
            " degrees, which are the label, as years of age are in the paper; SupCon has a class"
            " for every degree. Others are turned to test. *Error*: how far a ridge regression on"
            " the frozen vectors is off, in degrees, for all arms; a difference below a quarter of"
            " a degree is none. *Order*: rank correlation of distances of vectors with differences"
            " of angles. Direct regression trains the tower with a linear layer on top."
            " What agrees with other code is Rank-N-Contrast, not the mixtures; the window within"
            " which labels are mixed, a standard deviation, is our reading."
        ),
        lesson=(
            "On turned digits contrast with mixed pairs predicts the angle as well as SupCon "
            "with a class per degree, orders vectors less well, and direct regression beats "
            "both."
        ),
    ),
)
