"""CURL: the contrastive loss bounds what a classifier of class means will lose."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Labeled
from dipole.declared import Count
from dipole.encoders.base import Encoder, Features, Role
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.maths import reduce
from dipole.objectives.whole_batch import whole_batch
from dipole.sampling.plans import Plan, check_groups, members
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.material import Material
from dipole.training.recipe import Recipe

HERE = "dipole.systems.vision.curl_theory"
SETTINGS = 10
CLASSES = 20
TRIPLES = 128  # of a batch


class Blocks(Objective):
    """E l( f(x).(mean_b f(x+) - mean_b f(x-)) ),  l(v) = log2(1 + exp(-v)),  which is 1 at v = 0.

    Of a batch as `blocks` draws it: x, then `block` of its class, then `block` of another draw of
    the classes, and so on. Vectors are taken as they are.
    """

    rows = False
    block: Count = 1

    def forward(self, anchor: Tensor) -> Tensor:
        size = 1 + 2 * self.block
        found = whole_batch(anchor)
        if len(found) % size:
            raise InputError(
                f"batch: found {len(found)} rows, expected blocks of {size}: the sampler "
                f"{HERE}:blocks with block={self.block}"
            )
        x, near, far = found.view(-1, size, found.shape[1]).split([1, *[self.block] * 2], dim=1)
        margins = (x[:, 0] * (near.mean(1) - far.mean(1))).sum(1)
        return nn.functional.softplus(-margins).mean() / np.log(2)


class Drawn(Plan):
    """Batches of blocks: a class c by its frequency, x and `block` rows of it, and as many of a
    class that is drawn likewise, and may be the same. An epoch has as many rows as the data."""

    def __init__(self, labels: np.ndarray, batch_size: int, *, block: int, seed: int) -> None:
        super().__init__(batch_size, seed=seed)
        self.rows, self.block = members(check_groups(labels)), block
        self.count = max(batch_size // (1 + 2 * block), 1)

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        sizes = np.array([len(rows) for rows in self.rows])
        batches = max(sizes.sum() // (self.count * (1 + 2 * self.block)), 1)
        return [self._batch(rng, sizes) for _ in range(batches)]

    def _batch(self, rng: np.random.Generator, sizes: np.ndarray) -> np.ndarray:
        classes = rng.choice(len(sizes), (self.count, 2), p=sizes / sizes.sum())
        asked = np.repeat(classes, [1 + self.block, self.block], axis=1).ravel()
        places = (rng.random(len(asked)) * sizes[asked]).astype(int)
        return np.array([self.rows[c][i] for c, i in zip(asked, places, strict=True)])


def blocks(m: Material, *, block: int = 1) -> Plan:
    """The sampler of `Blocks`; block: how many similar and how many other rows x meets."""
    labels = m.examples.keys("label", exact=True)
    return Drawn(labels, m.batch_size, block=block, seed=m.seed)


class CrossEntropy(Objective):
    """The supervised baseline: a linear classifier of ten classes on top."""

    def make(self) -> None:
        self.classifier = nn.Linear(32, 10)

    def forward(self, anchor: Tensor, labels: Tensor) -> Tensor:
        found = nn.functional.cross_entropy(self.classifier(anchor), labels, reduction="none")
        return reduce(found, self.reduction)


class Perceptron(Encoder):
    """Numbers -> a hidden layer -> 3 z / max(3, |z|): of length 3 at most, as the theory wants."""

    dim = 32

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.layers = nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, self.dim))

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Rows of numbers, as they are."""
        return {"x": torch.from_numpy(np.stack([np.asarray(x, np.float32) for x in inputs]))}

    def forward(self, features: Features) -> Tensor:
        """(n, 32)."""
        x: Tensor = self.layers(features["x"])
        return 3 * x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp(min=3)


def trained(x: np.ndarray, labels: np.ndarray, seed: int, steps: int, block: int) -> Encoder:
    """A perceptron trained by the contrastive loss, its latent classes the labels; without a
    block supervised, by a linear classifier on top."""
    import dipole

    settings: dict[str, Any] = {"objective": CrossEntropy(), "batch_size": TRIPLES}
    if block:
        settings = RECIPE.settings | {
            "objective_options": {"block": block},
            "sampler_options": {"block": block},
            "batch_size": TRIPLES * (1 + 2 * block),
        }
    torch.manual_seed(seed)
    examples = Labeled.from_columns({"input": x, "label": [int(label) for label in labels]})
    with tempfile.TemporaryDirectory() as folder:
        return dipole.fit(
            examples, Perceptron(x.shape[1]), out=Path(folder) / "run", max_steps=steps,
            learning_rate=2e-3, schedule="constant", warmup=0, weight_decay=0.0, clip_norm=None,
            seed=seed, show_progress=False, **settings,
        ).encoder  # fmt: skip


def synthetic(seed: int, steps: int, settings: int) -> dict[str, float]:
    """The least slack of the bound over worlds of latent classes, three standard errors added."""
    from dipole.evaluation.bounds.theorems import mean_classifier_bound

    slack = []
    for setting in range(settings):
        rng = np.random.default_rng((seed, setting))
        # From even classes (P(c = c') = 0.05) to a few that are most of the data (0.3).
        prior = rng.dirichlet(np.full(CLASSES, 10.0 / (1 + setting) ** 1.5))
        labels = rng.choice(CLASSES, 1500, p=prior)
        centres = rng.normal(0, 1.0, (CLASSES, 20))
        x = (centres[labels] + rng.normal(0, 1.0, (1500, 20))).astype(np.float32)
        vectors = trained(x, labels, seed, steps, block=1).encode(list(x))
        bound = mean_classifier_bound(vectors, labels, seed=seed)
        slack.append(bound.value + 3 * bound.error - bound.measured)
    return {"least slack of the bound": min(slack)}


def digits(seed: int, steps: int) -> dict[str, np.ndarray]:
    """Right or wrong per test digit, in points, by class means and by a linear classifier."""
    from sklearn.datasets import load_digits

    from dipole.evaluation.tasks.probe import probe_labels

    data = load_digits()
    x = (data.data / 16.0).astype(np.float32)
    train, test = slice(0, 1200), slice(1200, None)
    labels, truth = data.target[train], data.target[test]
    found = {}
    towers = {
        "block 1": trained(x[train], labels, seed, steps, block=1),
        "block 5": trained(x[train], labels, seed, steps, block=5),
        "supervised": trained(x[train], labels, seed, steps, block=0),
    }
    rng = np.random.default_rng(seed)
    for name, tower in towers.items():
        known, unknown = tower.encode(x[train]), tower.encode(x[test])
        means = np.stack([known[labels == k].mean(0) for k in range(10)])
        five = [rng.choice(np.flatnonzero(labels == k), 5, replace=False) for k in range(10)]
        few = np.stack([known[rows].mean(0) for rows in five])
        linear, _ = probe_labels(known, labels, unknown, C=1.0)
        found[f"means, {name}"] = 100.0 * (nearest(unknown, means) == truth)
        found[f"means of 5, {name}"] = 100.0 * (nearest(unknown, few) == truth)
        found[f"linear, {name}"] = 100.0 * (linear == truth)
        found[f"binary tasks, {name}"] = 100.0 * binary(unknown, means, truth)
    return found


def nearest(x: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The class whose mean has the largest inner product."""
    return np.asarray((x @ means.T).argmax(1))


def binary(x: np.ndarray, means: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Share of the nine binary tasks of an example's class that its means get right."""
    scores = x @ means.T
    own = scores[np.arange(len(x)), truth][:, None]
    return np.asarray((own > scores).sum(1) / 9)


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """The bound in ten worlds, and class means on digits."""
    steps = 5 if quick else 200
    return {**synthetic(seed, steps, 2 if quick else SETTINGS), **digits(seed, steps)}


RECIPE = Recipe(
    wants=["labelled"],
    objective=f"{HERE}:Blocks",
    objective_options={"block": 5},
    sampler=f"{HERE}:blocks",
    sampler_options={"block": 5},
    batch_size=704,
)
SYSTEM = System(
    id="curl-theory",
    paper=(
        "Arora et al. 2019, A Theoretical Analysis of Contrastive Unsupervised Representation "
        "Learning, arXiv 1902.09229"
    ),
    # The class of a row stands for what makes rows similar: an article, a scene. Blocks of 5, as
    # in the paper's text experiments (2, 5 and 10 there); 64 of them in a batch are our reading.
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "The contrastive loss bounds the loss of classifying by class means; so means are"
            " nearly as good as a trained linear classifier, from few examples too, and blocks of"
            " positives tighten the bound."
        ),
        experiment=experiment,
        primary=AtLeast("least slack of the bound", 0.0, every=True),
        reported="lemma 4.3, L_sup(f) <= (L_un(f) - tau) / (1 - tau), for every f",
        secondary=[
            AtLeast("binary tasks, block 5", "binary tasks, block 1"),
            AtLeast("means, block 1", "linear, block 1"),
            AtLeast("means of 5, block 1", "means, block 1"),
        ],
        notes=(
            "The bound: twenty latent classes, ten priors from even to concentrated, L_sup <= (L_un"
            " - tau) / (1 - tau) with three standard errors. Digits: 8 x 8 pixels, their labels as"
            " latent classes, 1,200 to train, 597 to test. The supervised perceptron is shown"
            " beside."
        ),
        lesson=(
            "The bound holds in every world tried; class means of contrastive vectors classify"
            " about a point behind a linear classifier."
        ),
    ),
)
