"""LLM-Embedder: rewards distilled in the order of their ranks, batches of one task each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dipole.objectives import InfoNCE, KLListwise, StableDistill
from dipole.sampling.grouped import OneSource
from dipole.sampling.plans import Plan
from dipole.sampling.unique import UniqueBatches
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.loops import descend
from dipole.systems.base import System
from dipole.systems.text.gte import bags, per_source

STEPS, BATCH, TEMPERATURE, TASK_STEPS = 200, 64, 0.05, 400
POOL, QUERIES, LIST = 600, 600, 8
# Width of the learner's kernel (pixels are 0 to 1), and what it believes before it sees anything.
WIDTH, PRIOR = 4.0, 0.1
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class World(NamedTuple):
    """Examples to show (a pool) and inputs to label: digits, each beside one that means nothing."""

    pool: Tensor
    queries: Tensor
    tests: Tensor
    rewards: np.ndarray  # (queries, pool)
    test_rewards: np.ndarray  # (tests, pool)
    right: np.ndarray  # (tests, pool): the example has the label of the input


def world(seed: int) -> World:
    """The rewards are what a learner that was shown one example says of the right label."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.images))
    left, label = digits.data[order] / 16.0, digits.target[order]
    both = np.concatenate([left, left[rng.permutation(len(left))]], axis=1)
    images = torch.from_numpy(both).float()
    ends = (POOL, POOL + QUERIES)
    parts = np.split(np.arange(len(left)), ends)
    reward = log_likelihood(left, label, left[: ends[0]], label[: ends[0]])
    return World(
        images[parts[0]],
        images[parts[1]],
        images[parts[2]],
        reward[parts[1]],
        reward[parts[2]],
        label[parts[2]][:, None] == label[parts[0]][None],
    )


def log_likelihood(
    x: np.ndarray, label: np.ndarray, shown: np.ndarray, its_label: np.ndarray, classes: int = 10
) -> np.ndarray:
    """log p(label of x | one example) of a kernel classifier that sees nothing else, (n, m).

        p(y | x, (x', y')) = (a + K(x, x') [y = y']) / (classes a + K(x, x')),
        K = exp(-||x - x'||^2 / width).

    >>> one = np.zeros((1, 2))
    >>> float(np.exp(log_likelihood(one, np.array([3]), one, np.array([3]))[0, 0]))
    0.55
    """
    square = ((x**2).sum(1)[:, None] + (shown**2).sum(1)[None] - 2 * x @ shown.T).clip(min=0)
    k = np.exp(-square / WIDTH)
    found: np.ndarray = np.log(PRIOR + k * (label[:, None] == its_label[None]))
    return found - np.log(classes * PRIOR + k)


def lists(given: World, seed: int) -> tuple[Tensor, Tensor]:
    """Every query's candidates and their rewards (queries, list), the best first.

    Half of a list is nearest by raw pixels, the other half is drawn. Of every second query the
    rewards are flat: they differ by noise alone.
    """
    rng = np.random.default_rng(seed)
    nearest = (-torch.cdist(given.queries, given.pool)).topk(LIST // 2).indices.numpy()
    drawn = np.stack([
        rng.choice(np.setdiff1d(np.arange(POOL), near), LIST - LIST // 2, replace=False)
        for near in nearest
    ])  # fmt: skip
    chosen = np.concatenate([nearest, drawn], axis=1)
    rewards = np.take_along_axis(given.rewards, chosen, axis=1)
    flat = rewards.mean(1, keepdims=True) + 0.01 * rng.standard_normal(rewards.shape)
    rewards[::2] = flat[::2]
    order = np.argsort(-rewards, axis=1)
    chosen, rewards = (np.take_along_axis(x, order, axis=1) for x in (chosen, rewards))
    return torch.from_numpy(chosen), torch.from_numpy(rewards).float()


def losses_by_name() -> dict[str, Loss]:
    """Arm -> loss of (anchors, candidates best first, rewards, what the candidates are)."""
    best_only = InfoNCE(TEMPERATURE, symmetric=False)
    stable = StableDistill(TEMPERATURE)
    soft, sharp = (KLListwise(TEMPERATURE, t) for t in (1.0, 0.1))

    def contrastive(a: Tensor, c: Tensor, r: Tensor, ids: Tensor) -> Tensor:
        rest = {"negative": c[:, 1:].flatten(0, 1), "negative_ids": ids[:, 1:].flatten()}
        loss: Tensor = best_only(a, c[:, 0], ids=ids[:, 0], **rest)
        return loss

    return {
        "contrastive": contrastive,
        "kl 1": lambda a, c, r, ids: soft(a, c, r),
        "kl 0.1": lambda a, c, r, ids: sharp(a, c, r),
        "stable": lambda a, c, r, ids: stable(a, c, r, ids),
    }


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """Per test input: has the example that is found its label, and how much does it help (nats)?"""
    given = world(seed)
    chosen, rewards = lists(given, seed)
    outcome: dict[str, np.ndarray] = {}
    for scale, suffix in ((1.0, ""), (10.0, ", x10")):
        for name, loss in losses_by_name().items():
            steps = 3 if quick else STEPS
            tower = trained(given, chosen, scale * rewards, loss, seed, steps=steps)
            with torch.no_grad():
                first = (unit(tower(given.tests)) @ unit(tower(given.pool)).T).argmax(1).numpy()
            rows = np.arange(len(first))
            outcome[f"label, {name}{suffix}"] = 100.0 * given.right[rows, first]
            outcome[f"reward, {name}{suffix}"] = given.test_rewards[rows, first]
    return outcome | batches_of_a_task(seed, quick)


def batches_of_a_task(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """MRR@10 per test pair of three tasks, among the test positives of the same task."""
    towers, source = bags(quick)
    plans: dict[str, Plan] = {
        "one task": OneSource(source, 32, keys=towers.keys, seed=seed),
        "tasks mixed": UniqueBatches(towers.keys, 32, seed=seed),
    }
    outcome = {}
    for name, plan in plans.items():
        steps = 3 if quick else TASK_STEPS
        tower = towers.trained(InfoNCE(TEMPERATURE, symmetric=False), plan, seed, steps=steps)
        outcome[f"MRR@10, {name}"] = np.concatenate(per_source(tower, quick, "MRR@10"))
    return outcome


def unit(x: Tensor) -> Tensor:
    """Rows of length 1."""
    return nn.functional.normalize(x, dim=-1)


def trained(
    given: World, chosen: Tensor, rewards: Tensor, loss: Loss, seed: int, *, steps: int
) -> nn.Module:
    """A perceptron with one hidden layer, the same for queries and examples."""
    torch.manual_seed(seed)
    tower = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 64))
    generator = torch.Generator().manual_seed(seed)

    def losses() -> Iterator[Tensor]:
        for _ in range(steps):
            rows = torch.randperm(QUERIES, generator=generator)[:BATCH]
            ids = chosen[rows]
            keys = tower(given.pool[ids.flatten()]).view(*ids.shape, -1)
            yield loss(tower(given.queries[rows]), keys, rewards[rows], ids)

    descend(tower.parameters(), losses(), learning_rate=1e-3)
    return tower.eval()


SYSTEM = System(
    id="llm-embedder",
    paper="Zhang et al. 2023, Retrieve Anything To Augment Large Language Models, arXiv 2310.07554",
    claim=Claim(
        sentence=(
            "Rewards distilled by their ranks survive flat and huge rewards, where the best "
            "candidate alone or a divergence does not; batches of one task each retrieve better."
        ),
        experiment=experiment,
        seeds=4,
        holds=[
            *(
                AtLeast("label, stable", f"label, {other}", by=-0.5)
                for other in ("contrastive", "kl 1", "kl 0.1")
            ),
            AtLeast("label, stable, x10", "label, kl 1, x10"),
            AtLeast("label, stable, x10", "label, kl 0.1, x10"),
            AtLeast("MRR@10, one task", "MRR@10, tasks mixed", by=1.0),
        ],
        notes=(
            "Instead of a language model: a kernel classifier that is shown one labelled digit and"
            " asked for the label of another; the reward of an example is the log-likelihood of"
            " the right label. What the embedder sees is each digit beside another that means"
            f" nothing. {QUERIES} queries with lists of {LIST}, half of the lists with rewards that"
            f" differ by noise alone; {POOL} examples to choose from. `label`: share of test inputs"
            " whose nearest example has their label. The two temperatures of the divergence's"
            " teacher are 1 (that of the stable loss) and the authors' 0.1. Tasks: docstrings,"
            f" comments and symbols, see gte; {TASK_STEPS} steps of 32 pairs."
        ),
    ),
)
