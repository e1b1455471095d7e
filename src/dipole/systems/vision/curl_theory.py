"""CURL: the contrastive loss bounds what a classifier of class means will lose."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from dipole.studies.claim import AtLeast, Claim
from dipole.studies.loops import descend
from dipole.systems.base import System

SETTINGS = 10
CLASSES = 20


def logistic(margin: Tensor) -> Tensor:
    """log2(1 + exp(-margin)), 1 at 0, as the bound needs."""
    return nn.functional.softplus(-margin).mean() / np.log(2)


def contrastive(
    tower: nn.Module,
    x: Tensor,
    rows: list[Tensor],
    prior: Tensor,
    steps: int,
    block: int,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """E log2(1 + exp(-f(x).(mean f(x+) - mean f(x-)))) of blocks of positives and negatives."""
    for _ in range(steps):
        classes = torch.multinomial(prior.expand(128, -1), 2, True, generator=generator)

        def drawn(c: Tensor, size: int) -> Tensor:
            u = torch.rand(len(c), size, generator=generator)
            count = torch.tensor([len(rows[k]) for k in c.tolist()])[:, None]
            place = (u * count).long()
            return torch.stack([rows[k][place[i]] for i, k in enumerate(c.tolist())])

        anchor = tower(x[drawn(classes[:, 0], 1)[:, 0]])
        near = tower(x[drawn(classes[:, 0], block)]).mean(1)
        far = tower(x[drawn(classes[:, 1], block)]).mean(1)
        yield logistic((anchor * (near - far)).sum(1))


def synthetic(seed: int, steps: int) -> dict[str, float]:
    """The least slack of the bound over ten worlds of latent classes, in standard errors of it."""
    from dipole.evaluation.bounds.theorems import mean_classifier_bound

    slack = []
    for setting in range(SETTINGS):
        rng = np.random.default_rng((seed, setting))
        # From even classes (P(c = c') = 0.05) to a few that are most of the data (0.3).
        prior = rng.dirichlet(np.full(CLASSES, 10.0 / (1 + setting) ** 1.5))
        labels = rng.choice(CLASSES, 1500, p=prior)
        centres = rng.normal(0, 1.0, (CLASSES, 20))
        x = torch.from_numpy(centres[labels] + rng.normal(0, 1.0, (1500, 20))).float()
        tower = trained(x, labels, seed, steps, block=1)
        with torch.no_grad():
            vectors = tower(x).numpy()
        bound = mean_classifier_bound(vectors, labels, seed=seed)
        slack.append(bound.value + 3 * bound.error - bound.measured)
    return {"least slack of the bound": min(slack)}


def trained(x: Tensor, labels: np.ndarray, seed: int, steps: int, block: int) -> nn.Module:
    """A bounded perceptron trained by the contrastive loss, its latent classes the labels."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    names, counts = np.unique(labels, return_counts=True)
    rows = [torch.from_numpy(np.flatnonzero(labels == name)) for name in names]
    prior = torch.from_numpy(counts / counts.sum())
    tower = perceptron(x.shape[1])
    losses = contrastive(tower, x, rows, prior, steps, block, generator)
    descend(tower.parameters(), losses)
    return tower


def perceptron(inputs: int) -> nn.Sequential:
    """A hidden layer, and vectors of length at most 3, as the theory wants them bounded."""
    return nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, 32), Bounded())


class Bounded(nn.Module):
    """x -> 3 x / max(3, |x|)."""

    def forward(self, x: Tensor) -> Tensor:
        return 3 * x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp(min=3)


def digits(seed: int, steps: int) -> dict[str, np.ndarray]:
    """Right or wrong per test digit, in points, by class means and by a linear classifier."""
    from sklearn.datasets import load_digits

    from dipole.evaluation.tasks.probe import probe_labels

    data = load_digits()
    x = torch.from_numpy(data.data / 16.0).float()
    train, test = slice(0, 1200), slice(1200, None)
    labels, truth = data.target[train], data.target[test]
    found = {}
    towers = {
        "block 1": trained(x[train], labels, seed, steps, block=1),
        "block 5": trained(x[train], labels, seed, steps, block=5),
        "supervised": supervised(x[train], labels, seed, steps),
    }
    rng = np.random.default_rng(seed)
    for name, tower in towers.items():
        with torch.no_grad():
            known, unknown = tower(x[train]).numpy(), tower(x[test]).numpy()
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


def supervised(x: Tensor, labels: np.ndarray, seed: int, steps: int) -> nn.Module:
    """The same perceptron trained with a linear classifier on top."""
    torch.manual_seed(seed)
    tower, classifier = perceptron(x.shape[1]), nn.Linear(32, 10)
    target = torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(seed)

    def losses() -> Iterator[Tensor]:
        for _ in range(steps):
            rows = torch.randint(0, len(x), (128,), generator=generator)
            yield nn.functional.cross_entropy(classifier(tower(x[rows])), target[rows])

    descend([*tower.parameters(), *classifier.parameters()], losses())
    return tower


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """The bound in ten worlds, and class means on digits."""
    steps = 5 if quick else 200
    return {**synthetic(seed, steps), **digits(seed, steps)}


SYSTEM = System(
    id="curl-theory",
    paper=(
        "Arora et al. 2019, A Theoretical Analysis of Contrastive Unsupervised Representation "
        "Learning, arXiv 1902.09229"
    ),
    claim=Claim(
        sentence=(
            "The contrastive loss bounds the loss of classifying by class means; so means are"
            " nearly as good as a trained linear classifier, from few examples too, and blocks of"
            " positives tighten the bound."
        ),
        experiment=experiment,
        seeds=5,
        holds=[
            AtLeast("least slack of the bound", 0.0, every=True),
            AtLeast("means, block 1", "linear, block 1", by=-3.0),
            AtLeast("means of 5, block 1", "means, block 1", by=-3.0),
            AtLeast("binary tasks, block 5", "binary tasks, block 1", by=0.5),
        ],
        notes=(
            "The bound: twenty latent classes, ten priors from even to concentrated, L_sup <= (L_un"
            " - tau) / (1 - tau) with three standard errors. Digits: 8 x 8 pixels, their labels as"
            " latent classes, 1,200 to train, 597 to test. The supervised perceptron is shown"
            " beside."
        ),
    ),
)
