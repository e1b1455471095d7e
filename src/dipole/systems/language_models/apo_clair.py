"""APO and CLAIR: each likelihood has its direction, and a pair is an answer and its revision."""

from __future__ import annotations

import numpy as np

from dipole.data.preferences import Preferences
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import reward
from dipole.studies.benches.enum_world import LENGTH, LETTERS
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


def revised(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """An answer of the reference as the rejected one; as the chosen one, its best revision of one
    letter."""
    if split != "train":
        return bench.rows(split, quick, fold)
    rng = np.random.default_rng([fold, 7])
    prompts, answers = bench.drawn(rng, split, bench.QUICK_TRAIN if quick else bench.TRAIN, 1)
    edited = revisions(answers[:, 0])
    best = reward(fold)[prompts[:, None], edited].argmax(1)
    chosen = edited[np.arange(len(best)), best]
    both = np.stack([chosen, answers[:, 0]], 1)
    return bench.preferences(fold, prompts, both, np.tile([1.0, 0.0], (len(both), 1)))


def judged(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Two answers of the reference, the better one chosen by a judge that never errs."""
    if split != "train":
        return bench.rows(split, quick, fold)
    rng = np.random.default_rng([fold, 8])
    prompts, answers = bench.drawn(rng, split, bench.QUICK_TRAIN if quick else bench.TRAIN, 2)
    worth = reward(fold)[prompts[:, None], answers]
    both = np.where(worth[:, :1] > worth[:, 1:], answers, answers[:, ::-1])
    return bench.preferences(fold, prompts, both, np.tile([1.0, 0.0], (len(both), 1)))


def revisions(answers: np.ndarray) -> np.ndarray:
    """The 28 answers that differ from each of these (n,) in one letter, (n, 28), by number.

    >>> revisions(np.array([0]))[0, :8]
    array([ 512, 1024, 1536, 2048, 2560, 3072, 3584,   64])
    """
    n, found = len(LETTERS), []
    for place in range(LENGTH):
        unit = n ** (LENGTH - 1 - place)
        letter = answers // unit % n
        found += [answers + ((letter + step) % n - letter) * unit for step in range(1, n)]
    return np.stack(found, 1)


SYSTEM = System(
    id="apo-clair",
    paper=(
        "D'Oosterlinck et al. 2024, Anchored Preference Optimization and Contrastive Revisions: "
        "Addressing Underspecification in Alignment, arXiv 2408.06266"
    ),
    # APO-zero: for answers that are better than the model's
    recipe=Recipe(wants=["preferences"], objective="apo-zero", objective_options={"beta": 0.1}),
    claim=Claim(
        sentence=(
            "On pairs of an answer and its revision, APO-zero, which pushes each likelihood its own"
            " way, aligns better than DPO."
        ),
        bench="preferences",
        settings={"data": f"{__name__}:revised"},
        regime="the paper's pairs are an answer and its revision by a stronger model (CLAIR).",
        arms={
            "apo-zero": {},
            "dpo": {"objective": "dpo"},
            "apo-zero, judged pairs": {"data": f"{__name__}:judged"},
            "dpo, judged pairs": {"objective": "dpo", "data": f"{__name__}:judged"},
        },
        primary=AtLeast("apo-zero", "dpo", on=bench.METRIC),
        reported=(
            "MixEval-Hard of Llama-3-8B-Instruct +7.65 with APO and CLAIR, the best of all pairs of"
            " objective and data (abstract)"
        ),
        secondary=[
            AtLeast("apo-zero", "apo-zero, judged pairs", on=bench.METRIC),
            AtLeast("dpo", "dpo, judged pairs", on=bench.METRIC),
            AtLeast("apo-zero", "dpo", on="reward"),
            AtLeast("apo-zero", "dpo", on="chosen"),
        ],
        notes=(
            "A revision changes the one letter that raises the reward most, as a stronger model"
            " would; judged pairs are two answers of the reference, their better one chosen without"
            " errors. `chosen` is the mean of log pi - log ref over the chosen training answers."
        ),
        lesson=(
            "On pairs that differ by one letter, pushing each likelihood its own way is two points"
            " ahead of DPO, which loses likelihood on good and bad answers alike; on judged pairs"
            " DPO is six points ahead."
        ),
    ),
)
