"""Online and offline alignment: answers of the model as it is now, or a fixed set of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from dipole.data.preferences import Preferences
from dipole.language.rewards import fitted
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, pair
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_world import LENGTH, LETTERS, SIDE, TOKENS, number_of, place_of
from dipole.studies.claim import AtLeast, Claim, Outcome
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# The penalty of the proxy reward on EnumWorld, the best of 0.3 to 100 on world 20.
PENALTY = 10.0
# Rounds of drawing, rating and learning; the strengths of IPO that both sides have.
ROUNDS, TAUS = 4, (0.1, 0.03)


class BestOfTwo(Preference):
    """L = -log pi(y_w | x), y_w the better of two answers: supervised, and nothing is pushed away.

    Shapes: logps (n, 2), chosen first, sums over the tokens of an answer.

    Example:
        >>> import torch
        >>> BestOfTwo()(torch.tensor([[-4.0, -9.0]])).item()
        4.0
    """

    def forward(self, logps: Tensor) -> Tensor:
        chosen, _ = pair(wide(logps))
        return reduce(-chosen, self.reduction)


def features(prompts: Sequence[str], answers: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """Which letter stands at which place, and which two side by side, by topic and by tone: of each
    answer (k, 8 * 96 + 8 * 192) ones and zeros."""
    n, found = len(LETTERS), []
    for prompt, row in zip(prompts, answers, strict=True):
        topic, tone = divmod(place_of(prompt)[1], SIDE)
        letters = TOKENS[[number_of(answer) for answer in row]]
        places = np.arange(LENGTH) * n + letters
        pairs = np.arange(LENGTH - 1) * n * n + letters[:, :-1] * n + letters[:, 1:]
        singles, doubles = LENGTH * n, (LENGTH - 1) * n * n
        own = np.zeros((len(row), 2 * SIDE, singles + doubles))
        at = np.arange(len(row))[:, None]
        for side in (topic, SIDE + tone):
            own[at, side, places] = 1.0
            own[at, side, singles + pairs] = 1.0
        found.append(own.reshape(len(row), -1))
    return found


def proxy(
    prompts: Sequence[str], answers: Sequence[Sequence[str]], *, examples: Preferences
) -> list[np.ndarray]:
    """A Bradley-Terry reward of `features`, fitted to the pairs of the examples, errors of the
    judges included; its mean over their answers is 0."""
    read = examples.read(range(len(examples)))
    both = np.stack(features([str(one.prompt) for one in read], [one.answers for one in read]))
    weights = fitted(both[:, 0] - both[:, 1], PENALTY)
    mean = both.mean((0, 1)) @ weights
    return [row @ weights - mean for row in features(prompts, answers)]


def rounds(count: int, **mine: Any) -> list[dict[str, Any]]:
    """Stages that each begin with two answers of the model as it then is to every prompt."""
    return [
        {"mine": {"source": "self-samples", "samples": 2, "draw": number} | mine}
        for number in range(count)
    ]


def priced(outcome: Outcome) -> dict[str, np.ndarray]:
    """E[r] - 0.1 KL of each seed, of the tau that is best there: the frontiers of reward and KL at
    one price of a nat."""
    found = {}
    for kind in ("online", "offline"):
        arms = [outcome[f"{kind}, tau {tau:g}"] for tau in TAUS]
        values = [arm["reward"].mean(1) - bench.BETA * arm["KL"].mean(1) for arm in arms]
        found[f"{kind} at its best"] = np.max(values, axis=0)
    return found


PROXY = f"{__name__}:proxy"
ONLINE = {"stages": rounds(ROUNDS, reward=PROXY)}
OFFLINE = {"stages": [], "parts": [], "epochs": ROUNDS}
SYSTEM = System(
    id="online-offline-gap",
    paper=(
        "Tang et al. 2024, Understanding the performance gap between online and offline alignment "
        "algorithms, arXiv 2405.08448"
    ),
    # each round: two answers of the model as it is, rated by a reward fitted to the data
    recipe=Recipe(
        wants=["preferences"],
        objective="ipo",
        objective_options={"tau": 0.1},
        epochs=1,
        parts=[{"reference": {"model": "stage:0"}}],
        stages=rounds(ROUNDS, reward="bradley-terry", judge="stage:0"),
    ),
    claim=Claim(
        sentence=(
            "IPO on pairs of the model's own answers, rated by a proxy fitted to the fixed pairs,"
            " gives a better frontier of reward and KL than IPO on the fixed pairs."
        ),
        bench="preferences",
        settings={"encoder": "dipole.studies.benches.enum_writer:EnumWriter", "epochs": 1},
        regime=(
            "the policy is the bench's, and draws answers; four rounds of one epoch are as many"
            " steps as the bench's four epochs."
        ),
        arms={
            **{
                f"online, tau {tau:g}": ONLINE | {"objective_options": {"tau": tau}} for tau in TAUS
            },
            **{
                f"offline, tau {tau:g}": OFFLINE | {"objective_options": {"tau": tau}}
                for tau in TAUS
            },
            "proxy, answers of the start": {
                "stages": rounds(ROUNDS, reward=PROXY, model="stage:0"),
                "objective_options": {"tau": TAUS[0]},
            },
        },
        derive=priced,
        primary=AtLeast("online at its best", "offline at its best"),
        delta=0.05,
        reported=(
            "at every KL up to a peak, online IPO wins more often against the reference than"
            " offline IPO (figures; no single number is repeated here)"
        ),
        secondary=[
            AtLeast("offline, tau 0.1", "online, tau 0.1", on="preference accuracy"),
            AtLeast("online, tau 0.1", "proxy, answers of the start", on="reward"),
            AtLeast("online, tau 0.1", "offline, tau 0.1", on=bench.METRIC),
        ],
        looks=(5,),
        notes=(
            "The proxy is a Bradley-Terry model of which letter stands where and which are"
            " neighbours, by topic and by tone, so it cannot see all of the reward; its"
            " penalty was tuned on world 20, alone of all settings. Frontiers are compared"
            " at one price of a nat, 0.1, as the bench's regret is, each side at the better"
            " of two values of tau in each world. Rounds leave out prompts whose two answers"
            " are equal, so online arms have a step or two less. Not shown: best of two, and"
            " the replay of online data."
        ),
        lesson=(
            "Let the model draw the pairs it learns from: rated by a proxy fitted to the fixed"
            " pairs, four rounds of its own answers are worth more than four epochs over these"
            " pairs; answers of the start alone are not enough."
        ),
    ),
)
