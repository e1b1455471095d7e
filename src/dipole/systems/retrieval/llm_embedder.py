"""LLM-Embedder: rewards distilled in the order of their ranks, batches of one task each.

    dipole train --recipe llm-embedder --encoder FOLDER --data answers.jsonl \\
        --source tools.csv --source chat.jsonl:objective=kl-listwise --out runs/llm

Lists (columns query, candidates and relevance: how likely a language model is to say the right
thing with the candidate) are distilled by `stable-distill`, pairs and triplets by contrast alone;
every batch is of one source. As published, question answering and examples in context are lists,
conversational search and tools are pairs, and chat and long texts are lists with a divergence at
teacher temperature 0.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Examples, Ranked, Triplets
from dipole.encoders.base import Encoder, Features, Role
from dipole.studies.benches.pairs import SETTINGS
from dipole.studies.benches.training import trained as fitted
from dipole.studies.claim import VALUE, AtLeast, Claim, Outcome
from dipole.systems.base import System
from dipole.systems.text.gte import bag, per_source
from dipole.training.recipe import Recipe

STEPS, BATCH, TEMPERATURE, TASK_STEPS = 200, 64, 0.05, 400
POOL, QUERIES, LIST = 600, 600, 8
# Width of the learner's kernel (pixels are 0 to 1), and what it believes before it sees anything.
WIDTH, PRIOR = 4.0, 0.1
# What is learnt of a kind of data: of a teacher's lists their order, of pairs the contrast.
BY_KIND: dict[str, dict[str, Any]] = {
    "lists": {
        "objective": "stable-distill",
        "objective_options": {"teacher_temperature": 1.0},
        "temperature": 0.01,
    },
    "pairs": {
        "objective": "infonce",
        "objective_options": {"symmetric": False},
        "temperature": 0.01,
    },
}

RECIPE = Recipe(wants=["lists", "pairs", "triplets"], by_kind=BY_KIND, sampler="sources")


class World(NamedTuple):
    """Examples to show (a pool) and inputs to label: digits, each beside one that means nothing."""

    pool: Tensor
    queries: Tensor
    tests: Tensor
    rewards: np.ndarray  # (queries, pool)
    test_rewards: np.ndarray  # (tests, pool)
    right: np.ndarray  # (tests, pool): the example has the label of the input


@cache
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


class Pixels(Encoder):
    """A perceptron with one hidden layer, the same for queries and examples of a world; a text
    says which: `pool 3`, `queries 7`."""

    dim = 64

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.layers = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, self.dim))
        self._tables = world(seed)

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        named = (text.split() for text in inputs)
        return {"pixels": torch.stack([getattr(self._tables, t)[int(i)] for t, i in named])}

    def forward(self, features: Features) -> Tensor:
        vectors: Tensor = self.layers(features["pixels"])
        return vectors


def data_of(chosen: Tensor, rewards: Tensor) -> tuple[Ranked, Triplets]:
    """Every query's list, and its best candidate as the positive with the others as negatives."""
    queries = [f"queries {i}" for i in range(len(chosen))]
    candidates = [[f"pool {i}" for i in row] for row in chosen.tolist()]
    ranked = {"query": queries, "candidates": candidates, "relevance": rewards.tolist()}
    best = {
        "anchor": queries,
        "positive": [row[0] for row in candidates],
        "negatives": [row[1:] for row in candidates],
    }
    return Ranked.from_columns(ranked), Triplets.from_columns(best)


KL = {
    t: {"objective": "kl-listwise", "objective_options": {"teacher_temperature": t}}
    for t in (1.0, 0.1)
}
# Arm -> what differs from the recipe, whose objective of lists is the stable one; and what the
# rewards are multiplied by.
ARMS: dict[str, tuple[dict[str, Any], float]] = {
    "stable": ({}, 1.0),
    "kl 1": (KL[1.0], 1.0),
    "kl 0.1": (KL[0.1], 1.0),
    "best candidate alone": ({}, 1.0),
    "stable, rewards x 10": ({}, 10.0),
    "kl 1, rewards x 10": (KL[1.0], 10.0),
}


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """Per test input: has the example that is found its label?"""
    given = world(seed)
    chosen, rewards = lists(given, seed)
    outcome: dict[str, np.ndarray] = {}
    for name, (arm, scale) in ARMS.items():
        ranked, best = data_of(chosen, scale * rewards)
        data = best if name == "best candidate alone" else ranked
        tower = trained(data, seed, max_steps=3 if quick else STEPS, **arm)
        asked, pool = (
            tower.encode([f"{table} {i}" for i in range(len(getattr(given, table)))])
            for table in ("tests", "pool")
        )
        first = (asked @ pool.T).argmax(1)
        outcome[name] = 100.0 * given.right[np.arange(len(first)), first]
    return outcome | batches_of_a_task(seed, quick)


def better(outcome: Outcome) -> dict[str, np.ndarray]:
    """The divergence at the better of its two temperatures."""
    found = [outcome[f"kl {t:g}"][VALUE] for t in KL]
    return {"kl, the better": max(found, key=lambda values: float(values.mean()))}


def trained(data: Examples, seed: int, **settings: Any) -> Encoder:
    """A perceptron trained by the recipe, at the temperature of one that starts from scratch."""
    torch.manual_seed(seed)
    if "objective" in settings:
        settings["temperature"] = TEMPERATURE
    else:
        settings["by_kind"] = at(TEMPERATURE)
    return fitted(
        data, Pixels(seed), recipe=RECIPE, batch_size=BATCH, seed=seed,
        **(SETTINGS | {"learning_rate": 1e-3} | settings),
    )  # fmt: skip


def at(temperature: float) -> dict[str, Any]:
    """The objectives of the recipe at another temperature."""
    return {kind: own | {"temperature": temperature} for kind, own in BY_KIND.items()}


def batches_of_a_task(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """MRR@10 per test pair of three tasks, among the test positives of the same task."""
    arms: dict[str, dict[str, Any]] = {
        "one task": {"sampler_options": {"key": "source"}},
        "tasks mixed": {"sampler": "unique"},
    }
    outcome = {}
    for name, arm in arms.items():
        settings: dict[str, Any] = {"by_kind": at(TEMPERATURE), "batch_size": 32} | arm
        steps = 3 if quick else TASK_STEPS
        tower = bag(seed, RECIPE, quick, max_steps=steps, **settings)
        outcome[f"MRR@10, {name}"] = np.concatenate(per_source(tower, quick, "MRR@10"))
    return outcome


SYSTEM = System(
    id="llm-embedder",
    paper="Zhang et al. 2023, Retrieve Anything To Augment Large Language Models, arXiv 2310.07554",
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Rewards distilled in the order of their ranks choose better examples than a divergence"
            " from the rewards, half of which say nothing."
        ),
        experiment=experiment,
        derive=better,
        primary=AtLeast("stable", "kl, the better"),
        delta=1.0,
        reported=(
            "where examples are chosen for a prompt: 0.6268, with KL divergence instead of the"
            " stable distillation 0.6105, with the best candidate alone 0.6217, with tasks mixed in"
            " a batch 0.6200 (table 4)"
        ),
        secondary=[
            AtLeast("stable", "best candidate alone"),
            AtLeast("stable, rewards x 10", "kl 1, rewards x 10"),
            AtLeast("MRR@10, one task", "MRR@10, tasks mixed"),
        ],
        notes=(
            "Values: share of test inputs whose nearest example has their label, in points."
            " Instead of a language model: a kernel classifier that is shown one labelled digit and"
            " asked for the label of another; the reward of an example is the log-likelihood of"
            " the right label. What the embedder sees is each digit beside another that means"
            f" nothing. {QUERIES} queries with lists of {LIST}, half of the lists with rewards that"
            f" differ by noise alone; {POOL} examples to choose from. The teacher's temperature in"
            " the divergence is 1, that of the stable loss, or the authors' 0.1; the one that is"
            " better on the test itself is compared, which is to its advantage. Tasks: docstrings,"
            f" comments and symbols, see gte; {TASK_STEPS} steps of 32 pairs."
        ),
    ),
)
