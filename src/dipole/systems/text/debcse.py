"""DebCSE: partners drawn against what a rule of thumb would draw too often."""

from __future__ import annotations

from typing import Any

import numpy as np

from dipole.data import Inputs, Triplets
from dipole.encoders.base import Encoder
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

NEAREST, OTHERS = 20, 40
FIRST, SECOND = 3, 3  # epochs


def drawn(
    examples: Inputs,
    encoder: Encoder,
    *,
    seed: int,
    epochs: int = SECOND,
    nearest: int = NEAREST,
    others: int = OTHERS,
) -> Triplets:
    """A positive and a negative of every text for every epoch.

    Positives are drawn among the nearest texts of the first model and views of the text itself,
    negatives among random other texts; both against their looks.
    """
    from dipole.sampling.propensity import draw, negative_weights, positive_weights, surface
    from dipole.views.text import WordDeletion, WordRepetition, WordShuffle

    texts = list(examples.column("input"))
    n, rng = len(texts), np.random.default_rng(seed)
    nearest = min(nearest, n - 1)
    views = [view(texts, rng) for view in (WordRepetition(), WordDeletion(), WordShuffle())]
    known = [*texts, *(text for view in views for text in view)]
    vectors = encoder.encode(known)
    cosines = vectors[:n] @ vectors[:n].T
    np.fill_diagonal(cosines, -np.inf)
    near = np.argpartition(-cosines, nearest, axis=1)[:, :nearest]
    own = np.arange(n)[:, None] + n * np.arange(1, 1 + len(views))
    positives = np.concatenate([near.astype(np.int64), own], 1)
    negatives = (np.arange(n)[:, None] + rng.integers(1, n, (n, others))) % n

    def of(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Meaning and looks of every text's candidates."""
        meaning = (np.einsum("nd,nkd->nk", vectors[:n], vectors[columns]) + 1) / 2
        anchors = [text for text in texts for _ in range(columns.shape[1])]
        look = surface(anchors, [known[i] for i in columns.ravel()], most=64)
        return meaning, look.reshape(columns.shape)

    wanted, unwanted = positive_weights(*of(positives)), negative_weights(*of(negatives))
    rows: dict[str, list[object]] = {"anchor": [], "positive": [], "negatives": []}
    for epoch in range(epochs):
        p, q = draw(wanted, seed=seed, epoch=epoch), draw(unwanted, seed=seed, epoch=epoch + epochs)
        # Nothing reaches the floor: the first view; nothing is below the ceiling: any other text.
        p, q = np.where(p < 0, nearest, p), q.clip(0)
        rows["anchor"] += texts
        rows["positive"] += [known[i] for i in positives[np.arange(n), p]]
        rows["negatives"] += [[known[i]] for i in negatives[np.arange(n), q]]
    return Triplets.from_columns(rows)


FIRST_MODEL: dict[str, Any] = {"epochs": 1.0}


def drawn_stage(epochs: int) -> dict[str, Any]:
    """Settings of the second model: so many epochs of partners that the first draws."""
    return {"epochs": 1.0, "mine": {"source": f"{__name__}:drawn", "epochs": epochs}}


# A first model by SimCSE, and one that goes on from it with partners that were drawn by its
# vectors: the exponents and limits are this library's reading (`sampling.propensity`).
RECIPE = Recipe(
    wants=["texts"],
    objective="infonce",
    objective_options={"symmetric": False},
    temperature=0.05,
    stages=[
        {"epochs": FIRST},
        drawn_stage(SECOND),
    ],
)

SYSTEM = System(
    id="debcse",
    paper=(
        "Miao et al. 2023, DebCSE: Rethinking Unsupervised Contrastive Sentence Embedding "
        "Learning in the Debiasing Perspective, arXiv 2309.07396"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "Partners drawn against their looks, positives that mean the same in other words and "
            "negatives that look the same, judge similarity better than two views by dropout."
        ),
        bench="sentences",
        arms={
            "debcse": {"stages": [FIRST_MODEL, drawn_stage(1)]},
            "simcse": {"stages": [FIRST_MODEL, {"epochs": 1.0}]},
        },
        primary=AtLeast("debcse", "simcse", on="Spearman"),
        reported=(
            "80.33 (abstract) against SimCSE's own 76.25, the mean of seven STS tasks with"
            " BERT-base"
        ),
        looks=(5, 10),
        notes=(
            "Both arms begin with SimCSE for an epoch and go on from it for another: SimCSE with"
            " dropout, or with a positive and a negative drawn by the first model's vectors."
            " Candidates for a positive are the 20 nearest sentences and three edits of the"
            " sentence itself (words repeated, left out, in another order), for a negative 40"
            " random ones. Exponents, floor 0.7 (a cosine of 0.4) and ceiling 0.4 (of -0.2) are"
            " this library's reading of the paper, of which only the abstract's principle is"
            " certain; no code of the authors is known to us. No more than 10 seeds: the drawing"
            " costs more than the training."
        ),
        lesson=(
            "A bag of words loses nearly two points by negatives that a weak model chooses and"
            " weighs."
        ),
    ),
)
