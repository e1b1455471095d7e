"""SupReMix: mixtures that are hard because of their labels order the space by the label."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Labeled
from dipole.declared import Count, Positive
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.kernels.draws import for_rows
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.studies.claim import AtLeast, AtMost, Claim, Inequality
from dipole.systems.base import System
from dipole.training.kinds import numbers_of
from dipole.training.parts import Part, Setup
from dipole.training.recipe import Recipe
from dipole.views.base import Features, View

HERE = "dipole.systems.vision.supremix"
LARGEST = 90.0  # degrees
STEPS, BATCH = 200, 64
BIN = 15.0


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


def turned(part: str, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images, each turned by an angle of its own, and the angles in degrees."""
    from scipy.ndimage import rotate

    from dipole.studies.data import fashion_mnist_14

    images = np.stack(list(fashion_mnist_14(part, quick).column("input")))
    images = images[: 60 if quick else 1000]
    angles = np.random.default_rng(part == "test").uniform(0, LARGEST, len(images))
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3)))
    found = [rotate(x, a, reshape=False, order=1) for x, a in zip(padded, angles, strict=True)]
    return np.stack(found).astype(np.uint8), angles


def arms() -> dict[str, dict[str, Any]]:
    """Arm -> what it has in the place of the recipe's."""
    window = {"window": 1.0}
    return {
        "supremix": {"objective_options": window},
        "no mix-pos": {"objective_options": window | {"positives": 0, "same": 0.05}},
        "no mix-neg": {"objective_options": window | {"negatives": 0}},
        "supcon": {"objective": "supcon", "parts": []},  # of binned labels
        "direct": {
            "objective": f"{HERE}:Direct", "temperature": None, "encoder_options": {"head": None},
        },
    }  # fmt: skip


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Per arm: error of a linear probe (degrees), and how far distances follow the angles."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr
    from sklearn.linear_model import RidgeCV

    images, angles = turned("train", quick)
    unseen, truth = turned("test", quick)
    found: dict[str, np.ndarray | float] = {}
    for name, settings in arms().items():
        labels = (angles // BIN).astype(int) if name == "supcon" else angles
        examples = Labeled.from_columns({"input": images, "label": labels.tolist()})
        encoder = trained(examples, settings, seed, steps=3 if quick else STEPS)
        vectors, tested = encoder.encode(list(images)), encoder.encode(list(unseen))
        probe = RidgeCV(np.logspace(-4, 2, 7)).fit(vectors, angles)
        found[f"error, {name}"] = np.abs(probe.predict(tested) - truth)
        apart = spearmanr(pdist(tested[:300]), pdist(truth[:300, None])).statistic
        found[f"order, {name}"] = float(apart)
    return found


def trained(examples: Labeled, settings: dict[str, Any], seed: int, *, steps: int) -> Encoder:
    """A small convolutional tower; two views differ by noise, which leaves the angle."""
    import dipole

    with tempfile.TemporaryDirectory() as folder:
        run = dipole.fit(
            examples, "conv", out=Path(folder) / "run", recipe=RECIPE | settings, max_steps=steps,
            view=[f"{HERE}:PixelNoise"], batch_size=BATCH, learning_rate=1e-3, seed=seed,
            show_progress=False,
        )  # fmt: skip
        return run.encoder


SYSTEM = System(
    id="supremix",
    paper="Wu et al. 2023, Mixup Your Own Pairs, arXiv 2309.16633",
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Contrast for regression with mixed pairs orders the space by the label and predicts "
            "it better than contrast of binned labels or direct regression."
        ),
        experiment=experiment,
        primary=Inequality(
            {"error, supcon": 0.95, "error, supremix": -1.0},
            least=0.0,
            on="value",
            says="error: supremix <= 0.95 x supcon",
        ),
        reported="",
        secondary=[
            AtMost("error, supremix", "error, direct"),
            AtLeast("order, supremix", "order, supcon", by=0.05),
            AtMost("error, supremix", "error, no mix-pos"),
            AtMost("error, supremix", "error, no mix-neg"),
        ],
        notes=(
            "1,000 pieces of clothing (14 x 14 pixels and a margin), each turned by a random angle"
            " between 0 and 90 degrees, which is the label; 1,000 others to test. Error: absolute,"
            " in degrees, of a ridge regression on the frozen vectors, for all arms. Order: rank"
            " correlation of distances of vectors with differences of angles. SupCon has bins of 15"
            " degrees. Angles hardly repeat, so without Mix-pos labels within 0.05 deviations count"
            " as equal."
        ),
    ),
)
