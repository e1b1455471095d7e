"""CoDiEmb: batches of one task with its own loss, and checkpoints merged by how far they moved."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from dipole.encoders.base import Encoder, Role
from dipole.encoders.static_text import StaticText
from dipole.studies.benches.pairs import short_code
from dipole.studies.benches.texts import stsb
from dipole.studies.claim import AtLeast, Claim
from dipole.studies.loops import descend
from dipole.systems.base import System

BATCH = 128
STEPS, BRANCH = 240, 60  # of both tasks together
RATE, TEMPERATURE = 2e-3, 0.05
DIM, WORDS, BUCKETS = 128, 8192, 2048
ALIKE = 0.8  # pairs of at least this score are positives where there is only contrast

Step = tuple[np.ndarray, np.ndarray]  # rows of retrieval pairs, rows of scored pairs


@dataclass(frozen=True)
class Material:
    """Retrieval pairs and scored pairs, to train and to test."""

    asked: list[str]
    answers: list[str]
    first: list[str]
    second: list[str]
    scores: np.ndarray
    test: Sequence[list[str]]  # questions, answers
    judged: tuple[list[str], list[str], np.ndarray]


@cache
def material(quick: bool) -> Material:
    """Docstrings and code, and the STS benchmark."""
    train, test = short_code("train", quick), short_code("test", quick)
    asked, answers, *tested = (
        [str(text) for text in pairs.column(side)]
        for pairs in (train, test)
        for side in ("anchor", "positive")
    )
    scored = stsb("train", quick)
    return Material(asked, answers, *scored, tested, stsb("validation", quick))


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Per arm: Spearman with people's scores, Recall@10 of each query, and the mean of both."""
    from dipole.training.merging import merge

    m = material(quick)
    steps, branch = (4, 2) if quick else (STEPS, BRANCH)
    towers: dict[str, Encoder] = {
        "infonce": trained(start(m, seed), m, alternating(m, seed, steps, ALIKE), "infonce"),
        "codiemb": trained(start(m, seed), m, alternating(m, seed, steps), "codiemb"),
        "mixed batches": trained(start(m, seed), m, halves(m, seed, steps), "codiemb"),
    }
    base = towers["codiemb"]
    plan = list(alternating(m, seed + 1000, 2 * branch))
    branches = [  # on retrieval, on scored pairs, on both
        trained(copy.deepcopy(base), m, part, "codiemb")
        for part in (plan[::2], plan[1::2], plan[:branch])
    ]
    towers |= {
        "uniform merge": merge(branches, "uniform"),
        "delta merge": merge(branches, "delta", base=base),
    }
    found: dict[str, np.ndarray | float] = {}
    for name, tower in towers.items():
        sts, recalls = spearman(tower, m), recall(tower, m)
        found |= {f"STS, {name}": sts, f"Recall@10, {name}": recalls}
        found[f"mean, {name}"] = (sts + float(recalls.mean())) / 2
    return found


def start(m: Material, seed: int) -> StaticText:
    """A bag of words over the texts of both tasks."""
    torch.manual_seed(seed)
    sentences = [*m.first, *m.second]
    texts = [*m.asked, *sentences], [*m.answers, *sentences]
    return StaticText.from_texts(*texts, dim=DIM, vocabulary=WORDS, buckets=BUCKETS)


def alternating(m: Material, seed: int, steps: int, least: float = 0.0) -> Iterator[Step]:
    """Batches of one task, tasks in turn; scored pairs of at least this score."""
    retrieval, scored = drawn(m, seed, least)
    none = np.array([], dtype=int)
    for number in range(steps):
        yield (next(retrieval), none) if number % 2 == 0 else (none, next(scored))


def halves(m: Material, seed: int, steps: int) -> Iterator[Step]:
    """Batches of as many rows, half of each task."""
    retrieval, scored = drawn(m, seed, 0.0)
    for _ in range(steps):
        yield next(retrieval)[: BATCH // 2], next(scored)[: BATCH // 2]


def drawn(m: Material, seed: int, least: float) -> tuple[Iterator[np.ndarray], ...]:
    """Random rows of retrieval pairs, and of scored pairs, without end."""

    def draw(rows: np.ndarray, task: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng((seed, task))
        while True:
            yield rng.choice(rows, min(BATCH, len(rows)), replace=False)

    return draw(np.arange(len(m.asked)), 0), draw(np.flatnonzero(m.scores >= least), 1)


def trained(tower: Encoder, m: Material, plan: Iterable[Step], loss: str) -> Encoder:
    """The tower after the steps of a plan; retrieval pairs have InfoNCE in every arm.

    In a batch of both tasks the sentences of the other are negatives too: they are in the batch.
    """
    from dipole.objectives import CoDiEmb, InfoNCE

    contrast, graded = InfoNCE(TEMPERATURE), CoDiEmb()

    def vectors(texts: list[str], rows: np.ndarray, role: Role = "document") -> Tensor:
        found: Tensor = tower(tower.prepare([texts[i] for i in rows], role))
        return found

    def losses() -> Iterator[Tensor]:
        for pairs, scored in plan:
            total, others = torch.zeros(()), None
            if len(scored):
                u, v = vectors(m.first, scored), vectors(m.second, scored)
                gold = torch.from_numpy(m.scores[scored]).float()
                total = contrast(u, v) if loss == "infonce" else graded(u, v, scores=gold)
                others = torch.cat([u, v])
            if len(pairs):
                asked, answers = vectors(m.asked, pairs, "query"), vectors(m.answers, pairs)
                total = total + contrast(asked, answers, others)
            yield total

    descend(tower.train().parameters(), losses(), learning_rate=RATE)
    return tower.eval()


def spearman(tower: Encoder, m: Material) -> float:
    """Rank correlation of cosines with the scores of unseen pairs, in points."""
    from scipy.stats import spearmanr

    u, v = (tower.encode(side) for side in m.judged[:2])
    return 100 * float(spearmanr((u * v).sum(1), m.judged[2]).statistic)


def recall(tower: Encoder, m: Material) -> np.ndarray:
    """100 where the code of an unseen docstring is among the 10 nearest, else 0."""
    asked, answers = m.test
    scores = tower.encode(asked, role="query") @ tower.encode(answers).T
    return 100.0 * ((scores > np.diag(scores)[:, None]).sum(1) < 10)


SYSTEM = System(
    id="codiemb",
    paper=(
        "Zhang et al. 2025, CoDiEmb: A Collaborative yet Distinct Framework for Unified "
        "Representation Learning in Information Retrieval and Semantic Textual Similarity, "
        "arXiv 2508.11442"
    ),
    claim=Claim(
        sentence=(
            "Batches of one task, each with a loss of its own, make one encoder better at graded"
            " similarity and no worse at retrieval than contrast for both, and checkpoints merged"
            " by how far each tensor moved are as good as their mean."
        ),
        experiment=experiment,
        seeds=3,
        holds=[
            AtLeast("STS, codiemb", "STS, infonce", by=2.0),
            AtLeast("Recall@10, codiemb", "Recall@10, infonce", by=-1.0),
            AtLeast("mean, codiemb", "mean, mixed batches"),
            AtLeast("mean, delta merge", "mean, uniform merge", by=-0.2),
        ],
        notes=(
            "A bag of words from scratch (128 dimensions) learns docstrings and code (InfoNCE,"
            " temperature 0.05, in every arm) and the STS benchmark in turn, batches of 128 of one"
            " task. Where there is only contrast, pairs scored at least 4 of 5 are positives. Mixed"
            " batches hold 64 rows of each task, and sentences are negatives of docstrings. The"
            " retrieval loss with several positives and hard negatives for each query has no data"
            " here. Merged are three continuations of the joint model: on retrieval, on scored"
            " pairs, on both."
        ),
    ),
)
