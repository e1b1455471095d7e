"""SPA: a model learns from a few labelled pairs, and then from its own judgement of its answers."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.data.preferences import Preferences
from dipole.declared import Count, Positive, Range, Share
from dipole.objectives.maths import everywhere, reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair
from dipole.studies.benches import preferences as bench
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Pairs that people labelled on the bench, and steps of each stage.
SEEDS, STEPS = 40, 32


class SelfRefined(Preference):
    """With m = beta (r(y_w) - r(y_l)), r = log pi - log ref, of pairs that the model labelled,

        L = -(1 - a) log sigma(m) - a log sigma(-m),

    a = `smoothing` where the model is not sure of its label, m' <= q, and 0 elsewhere. m' is the
    margin m of log-probabilities `mix_logps`, which the paper makes of softmax(l h + (1 - l) h_ref)
    with l above 1; not given, as in the released settings (l = 1): of the policy itself; without
    gradient either way. q stands between the `share` of the last `window` batch means of m' that
    are lowest and the others: of 50 the mean of the 6th and 7th smallest; 0 before there are as
    many. Nothing is smoothed before `after`, a share of the training. Shapes: logps, ref_logps,
    mix_logps (n, 2), chosen first.

    Example:
        >>> import torch
        >>> SelfRefined()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        0.6931...
    """

    beta: Positive = 0.1
    smoothing: Annotated[float, Range(0, 0.4999)] = 0.1
    share: Share = 0.1
    window: Count = 50
    after: Share = 0.2

    def make(self) -> None:
        self.recent: Tensor
        self.seen: Tensor
        self.register_buffer("recent", torch.zeros(self.window))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.done = 0.0

    def at(self, done: float) -> None:
        """Told before every step which share of the training is done."""
        super().at(done)
        self.done = done

    def forward(self, logps: Tensor, ref_logps: Tensor, mix_logps: Tensor | None = None) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        margin = self.beta * (chosen - rejected)
        mixed = logps if mix_logps is None else mix_logps
        better, worse = pair(log_ratio(mixed.detach(), ref_logps.detach()))
        sure = self.beta * (better - worse)
        a = self.smoothing * (sure <= self.threshold()) * (self.done >= self.after)
        if self.training:
            mean = everywhere(sure).mean().to(self.recent.dtype)
            self.recent = torch.cat([self.recent[1:], mean[None]])
            self.seen = self.seen + 1
        loss = -(1 - a) * F.logsigmoid(margin) - a * F.logsigmoid(-margin)
        return reduce(loss, self.reduction)

    def threshold(self) -> Tensor:
        """q."""
        if self.seen < self.window:
            return torch.zeros_like(self.recent[0])
        place = min(round(self.share * self.window), self.window - 2)
        lowest = self.recent.sort().values
        return lowest[place : place + 2].mean()


def seed_pairs(split: str, quick: bool = False, fold: int = 0) -> Preferences:
    """Forty of the bench's pairs, one in four in the wrong order."""
    found = bench.rows(split, quick, fold)
    return found if split != "train" else found.select(np.arange(SEEDS))


def refined(**more: Any) -> list[dict[str, Any]]:
    """Stages after the first: two own answers a prompt, and the one that the model has moved
    towards more since the start is the better one."""
    return [
        {
            "mine": {
                "source": "self-samples", "samples": 2, "reward": "implicit",
                "judge": "stage:0", "draw": number,
            },
            **more,
        }
        for number in (1, 2, 3)
    ]  # fmt: skip


REFINED, FIRST = {"objective": f"{__name__}:SelfRefined"}, {"data": f"{__name__}:seed_pairs"}
SYSTEM = System(
    id="selfie-spa",
    paper=(
        "Kim et al. 2024, Aligning Large Language Models with Self-generated Preference Data, "
        "arXiv 2406.04412"
    ),
    # DPO on the labelled pairs, then three times: own answers, own labels, the model before as the
    # reference
    recipe=Recipe(
        wants=["preferences"],
        objective="dpo",
        objective_options={"beta": 0.1},
        epochs=1,
        learning_rate=5e-7,
        schedule="cosine",
        warmup=0.1,
        stages=[{}, *refined(**REFINED)],
    ),
    claim=Claim(
        sentence=(
            "A model that goes on from forty labelled pairs with pairs of its own making, doubtful"
            " ones smoothed, aligns better than one that stays with the forty."
        ),
        bench="preferences",
        settings={
            "encoder": "dipole.studies.benches.enum_writer:EnumWriter",
            "max_steps": STEPS,
        },
        regime=(
            "the policy is the bench's, and draws answers; forty pairs are labelled, and the"
            " prompts of the others are answered by the model: 32 steps in each of four stages."
        ),
        arms={
            "spa": {"stages": [FIRST, *refined(**REFINED)]},
            "no smoothing": {"stages": [FIRST, *refined()]},
            "labelled pairs alone": {"stages": [FIRST | {"max_steps": 4 * STEPS}]},
        },
        primary=AtLeast("spa", "labelled pairs alone", on=bench.METRIC),
        reported=(
            "ahead on AlpacaEval 2.0 of training on all labels of UltraFeedback, with 3.3 % of them"
            " (abstract; no number is repeated here)"
        ),
        secondary=[
            AtLeast("spa", "no smoothing", on=bench.METRIC),
            AtLeast("no smoothing", "labelled pairs alone", on=bench.METRIC),
            AtLeast("spa", "labelled pairs alone", on="reward"),
        ],
        looks=(5, 10),
        notes=(
            "Not decided: in one of ten worlds the third stage found no two answers that differ,"
            " the policy having come down to one answer for each prompt. "
            "The 128 steps are those of all arms. The labelled pairs are the first forty of"
            " the bench's, one in four wrong in the mean; a stage draws two answers to each"
            " of the bench's 2,048 prompts, and its reference is the model before it. The"
            " confidence is that of the policy itself (lambda 1, as in the released"
            " settings): the extrapolated model of the paper is an input, `mix_logps`, that"
            " no part makes yet."
        ),
    ),
)
