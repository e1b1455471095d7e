"""InfAlign: a policy that is used by best of N wants another reward than one that answers once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from dipole.studies.benches.enum_policy import reference, reward
from dipole.studies.benches.enum_world import divergence, tilted
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System

# Answers of which the best or the worst is taken, and the KL of every policy, in nats.
SEVERAL, NATS = 4, 0.5
# The transforms Phi of a calibrated reward u, by what they are for.
TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "calibrated": lambda u: u,
    "exp(10 u)": lambda u: np.exp(10 * u),
    "-exp(-10 u)": lambda u: -np.exp(-10 * u),
}


def calibrated(worth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """C(x, y) = P(r(x, y) > r(x, z)) + P(r(x, y) = r(x, z)) / 2, z an answer of the reference.

    worth, known (prompts, answers): rewards and log-probabilities of the reference. The same for
    every increasing function of the reward.

    >>> calibrated(np.array([[1.0, 3.0, 1.0]]), np.log(np.array([[0.25, 0.5, 0.25]])))
    array([[0.25, 0.75, 0.25]])
    """
    found = np.empty_like(worth)
    for row, (own, chances) in enumerate(zip(worth, np.exp(known), strict=True)):
        _, place = np.unique(own, return_inverse=True)
        mass = np.bincount(place, chances)
        found[row] = (np.cumsum(mass) - mass / 2)[place]
    return found


def win_rate(
    policy: np.ndarray, known: np.ndarray, worth: np.ndarray, several: int, *, worst: bool = False
) -> np.ndarray:
    """How often the best (or worst) of so many answers of the policy has more reward than that of
    as many of the reference, ties counting half; (prompts,), exact, from log-probabilities.

    >>> same = np.log(np.full((1, 4), 0.25))
    >>> win_rate(same, same, np.arange(4.0)[None], 3)
    array([0.5])
    """
    found = np.empty(len(worth))
    for row, own in enumerate(-worth if worst else worth):
        _, place = np.unique(own, return_inverse=True)
        masses = [np.bincount(place, np.exp(x[row])) for x in (policy, known)]
        ours, theirs = (np.diff(np.cumsum(m) ** several, prepend=0.0) for m in masses)
        found[row] = (ours * (np.cumsum(theirs) - theirs / 2)).sum()
    return 1 - found if worst else found


def at_kl(known: np.ndarray, direction: np.ndarray, nats: float) -> np.ndarray:
    """ref exp(Phi / beta) / Z, beta of each prompt such that its KL to the reference is `nats`."""
    rows = []
    for own, phi in zip(known[:, None], direction[:, None], strict=True):
        size = phi.std()

        def excess(log: float, own: np.ndarray = own, phi: np.ndarray = phi / size) -> float:
            return float(divergence(tilted(own, phi, np.exp(log)), own)[0]) - nats

        rows.append(tilted(own, phi / size, np.exp(brentq(excess, -10.0, 10.0))))
    return np.concatenate(rows)


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """Win rates in points, per prompt, of the best policies for each transform in world `seed`."""
    worth, known = reward(seed), reference()
    rows = slice(0, 2 if quick else None)
    worth, known = worth[rows], known[rows]
    uses = {"once": (1, False), "best of 4": (SEVERAL, False), "worst of 4": (SEVERAL, True)}
    found = {}
    for name, transform in TRANSFORMS.items():
        policy = at_kl(known, transform(calibrated(worth, known)), NATS)
        for use, (several, worst) in uses.items():
            rate = win_rate(policy, known, worth, several, worst=worst)
            found[f"{use}, {name}"] = 100 * rate
    return found


SYSTEM = System(
    id="infalign",
    paper=(
        "Balashankar et al. 2024, InfAlign: Inference-aware language model alignment, "
        "arXiv 2412.19792"
    ),
    place=f"{__name__}:calibrated",
    claim=Claim(
        sentence=(
            "A policy whose best of four answers is used wins more often if the calibrated reward"
            " is bent by an exponential before it is optimised, at the same KL."
        ),
        experiment=experiment,
        primary=AtLeast("best of 4, exp(10 u)", "best of 4, calibrated"),
        reported="3 to 8 % higher win rates at inference time (abstract)",
        secondary=[
            AtLeast("best of 4, exp(10 u)", "best of 4, calibrated", by=3.0),
            AtLeast("worst of 4, -exp(-10 u)", "worst of 4, calibrated", by=3.0),
            AtLeast("once, calibrated", "once, exp(10 u)"),
        ],
        delta=0.5,
        notes=(
            "On EnumWorld, at a KL of 0.5 nats for each prompt: policies are the closed form ref"
            " exp(Phi(u) / beta) / Z, u the quantile of a reward under the reference, and win rates"
            " are sums over all 4,096 answers. Nothing is trained. A seed is another"
            " reward, of which only the ranks count, so seeds hardly differ."
        ),
        lesson=(
            "If you will take the best of four answers, optimise exp(10 u), u the quantile of the"
            " reward: 7 points more wins at the same KL, at the cost of 6 when you answer once."
        ),
    ),
)
