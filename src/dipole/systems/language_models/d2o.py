"""D2O: a bad answer against the mean of the model's own, where no good answers are at hand."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.data.preferences import Preferences
from dipole.declared import Positive
from dipole.errors import InputError
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, good_and_there, log_ratio, of_lists
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import EnumPolicy, reference, reward
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.data import QUICK_TRAIN
from dipole.studies.measures import Measured, Trained
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# The share of the reference's answers that is bad, and of human positives that are.
BAD, NOISE = 0.2, 0.3


class D2O(Preference):
    """With r(y) = log pi(y|x) - log ref(y|x), y_l the last answer of a prompt, the bad one, and
    y_1 ... y_K those before it, which the reference wrote,

        L = -log sigma(beta / K sum_k r(y_k) - alpha r(y_l)).

    The mean is inside the sigmoid: one noisy answer less moves it by a K-th, and by Jensen L is at
    most the mean of K DPO losses; with K = 1 and alpha = beta it is DPO. Both references of the
    paper, for good and bad answers, are the model at the start, as in its experiments. Our reading:
    no code is published. Shapes: logps, ref_logps (n, K + 1), sums over the tokens of an answer;
    answer_mask (n, K + 1). A prompt with a single answer does not count.

    Example:
        >>> import torch
        >>> D2O()(torch.zeros(1, 4), torch.zeros(1, 4)).item()
        0.6931...
    """

    answers = "list"

    beta: Positive = 0.1
    alpha: Positive = 0.1

    def forward(
        self, logps: Tensor, ref_logps: Tensor, answer_mask: Tensor | None = None
    ) -> Tensor:
        there, counted = of_lists(logps, answer_mask)
        moved = log_ratio(logps, ref_logps)
        last = there.sum(1, keepdim=True) - 1
        own = there & (torch.arange(there.shape[1], device=there.device) < last)
        mean = torch.where(own, moved, 0).sum(1) / own.sum(1).clamp(min=1)
        bad = moved.gather(1, last).squeeze(1)
        loss = -F.logsigmoid(self.beta * mean - self.alpha * bad)
        return reduce(loss, self.reduction, counted)


class NPO(Preference):
    """L = -2 / beta log sigma(-beta r(y)), r = log pi - log ref, over bad answers: to unlearn them
    (Zhang et al. 2024, arXiv 2404.05868); as beta goes to 0 it is gradient ascent.

    Shapes: logps, ref_logps, ratings (n, k), bad up to 0.5; answer_mask (n, k).

    Example:
        >>> import torch
        >>> NPO(beta=2.0)(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1)).item()
        0.6931...
    """

    answers = "points"

    beta: Positive = 0.1

    def forward(
        self, logps: Tensor, ref_logps: Tensor, ratings: Tensor, answer_mask: Tensor | None = None
    ) -> Tensor:
        is_good, there = good_and_there(ratings, answer_mask)
        loss = -2 / self.beta * F.logsigmoid(-self.beta * log_ratio(logps, ref_logps))
        return reduce(loss, self.reduction, there & ~is_good)


class Ascent(Preference):
    """L = log pi(y | x) of bad answers: gradient ascent on their loss, which nothing holds.

    Shapes: logps, ratings (n, k), bad up to 0.5; answer_mask (n, k).

    Example:
        >>> import torch
        >>> Ascent()(torch.full((1, 1), -3.0), torch.zeros(1, 1)).item()
        -3.0
    """

    answers = "points"

    def forward(self, logps: Tensor, ratings: Tensor, answer_mask: Tensor | None = None) -> Tensor:
        is_good, there = good_and_there(ratings, answer_mask)
        return reduce(logps, self.reduction, there & ~is_good)


def is_bad(world: int) -> np.ndarray:
    """Which answers are bad, (16, 4096): those of the lowest reward, a fifth of the reference's
    mass."""
    worth, known = reward(world), np.exp(reference())
    order = worth.argsort(1)
    below = np.take_along_axis(known, order, 1).cumsum(1) <= BAD
    found = np.zeros_like(below)
    np.put_along_axis(found, order, below, 1)
    return found


def bad_alone(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Prompts with one bad answer of the reference each, rated 0."""
    return _held_against(split, quick, fold, None)


def noisy_positives(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """The same bad answers, each with a positive, of which 30 % are bad, too."""
    return _held_against(split, quick, fold, NOISE)


def clean_positives(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """The same with positives of which none is bad."""
    return _held_against(split, quick, fold, 0.0)


def _held_against(split: str, quick: bool, fold: int, noise: float | None) -> Preferences:
    if split != "train":
        return bench.rows(split, quick, fold)
    rng, bad = np.random.default_rng([fold, 11]), is_bad(fold)
    prompts, answers = bench.drawn(rng, "train", QUICK_TRAIN if quick else bench.TRAIN, 64)
    wrong = bad[prompts[:, None], answers]
    rows = np.arange(len(prompts))
    rejected = answers[rows, wrong.argmax(1)]
    if noise is None:
        return bench.preferences(fold, prompts, rejected[:, None], np.zeros((len(rows), 1)))
    # The last bad one, which is another than the first, or the first good one.
    other_bad = answers[rows, wrong.shape[1] - 1 - wrong[:, ::-1].argmax(1)]
    good = answers[rows, (~wrong).argmax(1)]
    positive = np.where(rng.random(len(rows)) < noise, other_bad, good)
    both, ratings = np.stack([positive, rejected], 1), np.tile([1.0, 0.0], (len(rows), 1))
    kept = positive != rejected
    return bench.preferences(fold, prompts[kept], both[kept], ratings[kept])


def harm(model: Trained) -> Measured:
    """bad mass: how much of each prompt's probability is on bad answers, in percent."""
    if not isinstance(model.encoder, EnumPolicy):
        raise InputError("harm: expected the policy of the bench preferences")
    assert isinstance(model.test, Preferences)
    world, _, _ = bench.numbers_of(model.test)
    return {"bad mass": 100 * (np.exp(model.encoder.enumerated()) * is_bad(world)).sum(1)}


SAMPLES, NOTHING = 11, {"source": "none"}
SYSTEM = System(
    id="d2o",
    paper=(
        "Duan et al. 2024, Negating Negatives: Alignment without Human Positive Samples via "
        "Distributional Dispreference Optimization, arXiv 2403.03419"
    ),
    # bad answers, rated 0; the model's own come before the first step
    recipe=Recipe(
        wants=["preferences"],
        mine={"source": "self-samples", "samples": SAMPLES, "keep": "worst"},
        objective=f"{__name__}:D2O",
        objective_options={"beta": 0.1, "alpha": 0.1},
    ),
    claim=Claim(
        sentence=(
            "Bad answers held against the mean of eleven answers of the model itself align better"
            " than DPO against human positives of which 30 % are bad, too."
        ),
        bench="preferences",
        settings={
            "data": f"{__name__}:bad_alone",
            "encoder": "dipole.studies.benches.enum_writer:EnumWriter",
        },
        regime=(
            "the data are bad answers alone, a fifth of the reference's mass; the policy is the"
            " bench's, and draws answers."
        ),
        arms={
            "d2o": {},
            "d2o, K=1": {"mine": {"source": "self-samples", "samples": 1, "keep": "worst"}},
            "dpo, noisy positives": {
                "objective": "dpo", "data": f"{__name__}:noisy_positives", "mine": NOTHING,
            },
            "dpo, clean positives": {
                "objective": "dpo", "data": f"{__name__}:clean_positives", "mine": NOTHING,
            },
            "npo": {"objective": f"{__name__}:NPO", "mine": NOTHING},
            "gradient ascent": {"objective": f"{__name__}:Ascent", "mine": NOTHING},
        },
        measures=[f"{__name__}:harm"],
        primary=AtLeast("d2o", "dpo, noisy positives", on=bench.METRIC),
        reported=(
            "win rate over the start 61.8 against 40.2 of DPO on all pairs, harmfulness -4.27"
            " against -3.16, Alpaca-7B on PKU-SafeRLHF (table 1)"
        ),
        secondary=[
            AtLeast("d2o", "d2o, K=1", on=bench.METRIC),
            AtLeast("d2o", "npo", on=bench.METRIC),
            AtLeast("d2o", "dpo, clean positives", on=bench.METRIC),
            AtMost("d2o", "npo", on="bad mass"),
            AtLeast("d2o", "gradient ascent", on="reward"),
            AtLeast("d2o", "npo", on="reward"),
        ],
        looks=(5, 10),
        notes=(
            "Bad are the answers of the lowest reward with a fifth of the reference's mass,"
            " so a fifth of the model's own answers is bad, too. The positives of DPO are"
            " answers of the reference, 30 % of them bad. The claim was first run with 60 %, which"
            " had been chosen because 30 % did not hurt DPO in a small run: +5.35 [+1.32, +9.38] in"
            " 10 seeds, a baseline made weak. `bad mass` is what a policy"
            " puts on bad answers, in percent, exact. `chosen` and `rejected` are of each"
            " arm's own data; in those of bad answers alone they are the same. Our reading:"
            " both references of the paper are the model at the start; no code is published."
        ),
        lesson=(
            "If you know only what is bad, hold it against answers of the model itself: ten seeds"
            " do not tell that from DPO with positives, clean ones or of which 30 % are bad; one"
            " own answer does nearly as well as eleven. To unlearn bad answers alone ruins the"
            " model."
        ),
    ),
)  # fmt: skip
