"""ULMA: good answers are demonstrations to imitate, bad ones are pushed away by their own label."""

from __future__ import annotations

import numpy as np

from dipole.data.preferences import Preferences
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import reward
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# A demonstration is the best of so many answers of the reference.
BEST_OF = 8


def demonstrated(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Single answers: every other one a demonstration, rated 1, the best of eight of the reference;
    the others answers of the reference that a person turned down, with probability sigma(-r)."""
    if split != "train":
        return bench.rows(split, quick, fold)
    shown, bad = _answers(fold, quick)
    prompts, answers = (np.concatenate(both) for both in zip(shown, bad, strict=True))
    ratings = np.repeat([1.0, 0.0], [len(shown[0]), len(bad[0])])
    order = np.random.default_rng(fold).permutation(len(prompts))
    return bench.preferences(fold, prompts[order], answers[order, None], ratings[order, None])


def paired(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """The same answers, each demonstration paired with a bad answer to the same prompt."""
    if split != "train":
        return bench.rows(split, quick, fold)
    (prompts, good), (_, bad) = _answers(fold, quick)
    ratings = np.tile([1.0, 0.0], (len(good), 1))
    return bench.preferences(fold, prompts, np.stack([good, bad], 1), ratings)


def _answers(
    fold: int, quick: bool
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Prompts and answers: demonstrations, and as many bad ones to the same prompts."""
    count = bench.QUICK_TRAIN if quick else bench.TRAIN
    rng, worth = np.random.default_rng([fold, 9]), reward(fold)
    prompts, answers = bench.drawn(rng, "train", count, 2 * BEST_OF)
    first, rest = answers[:, :BEST_OF], answers[:, BEST_OF:]
    good = first[np.arange(count), worth[prompts[:, None], first].argmax(1)]
    # The first of the others that is turned down; the last one where none is.
    down = rng.random(rest.shape) < 1 / (1 + np.exp(worth[prompts[:, None], rest]))
    down[:, -1] = True
    bad = rest[np.arange(count), down.argmax(1)]
    return (prompts, good), (prompts, bad)


SYSTEM = System(
    id="ulma",
    paper=(
        "Cai et al. 2023, ULMA: Unified Language Model Alignment with Human Demonstration and "
        "Point-wise Preference, arXiv 2312.02554"
    ),
    recipe=Recipe(
        wants=["preferences"],
        objective="ulma",
        objective_options={"beta": 0.1},
        batch_size=64,
        learning_rate=1e-5,
        schedule="cosine",
        epochs=3,
    ),
    claim=Claim(
        sentence=(
            "Where good answers are demonstrations, imitating them and judging the others aligns"
            " better than point-wise DPO on both."
        ),
        bench="preferences",
        settings={"data": f"{__name__}:demonstrated", "batch_size": 128},
        regime=(
            "the paper's data are single answers, the good ones demonstrations; a batch has as many"
            " answers as one of the bench's pairs."
        ),
        arms={
            "ulma": {},
            "point-wise dpo": {"objective_options": {"demonstrations": "pointwise"}},
            "dpo": {
                "objective": "dpo",
                "data": f"{__name__}:paired",
                "batch_size": 64,
            },
        },
        primary=AtLeast("ulma", "point-wise dpo", on=bench.METRIC),
        reported=(
            "ULMA above point-wise DPO, DPO and RLHF on HH, QA-feedback and red-team; no single"
            " number is repeated here"
        ),
        secondary=[
            AtLeast("ulma", "dpo", on=bench.METRIC),
            AtLeast("point-wise dpo", "dpo", on=bench.METRIC),
            AtLeast("ulma", "point-wise dpo", on="reward"),
        ],
        notes=(
            "A demonstration is the best of eight answers of the reference; a bad answer is one"
            " that was turned down with probability sigma(-r). DPO is given the same answers in"
            " pairs of one prompt. ULMA has means over the letters of an answer, DPO sums, each"
            " with its published beta of 0.1."
        ),
        lesson=(
            "If good answers are demonstrations, imitate them: at equal KL that is 17 points ahead"
            " of judging them too. As trained it stays much nearer to the reference, with half the"
            " reward."
        ),
    ),
)
