"""EnumWorld: 16 prompts with 4,096 answers each, so that what is estimated elsewhere is a sum here.

A world is a reward r(x, y) of every answer to every prompt. Under a reference policy it has mean 0
and standard deviation 1 for each prompt. All answers can be enumerated, so the expected reward of
a policy, its KL divergence to the reference and the best policy at a given KL are exact:

    pi* = argmax E_pi[r] - beta KL(pi || ref)  =  ref exp(r / beta) / Z
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
from scipy.special import logsumexp

LETTERS = "abcdefgh"
LENGTH = 4
# A prompt is a topic and a tone, of four each.
SIDE = 4
ANSWERS = ["".join(letters) for letters in product(LETTERS, repeat=LENGTH)]
# The letters of all answers, (4096, 4).
TOKENS = np.array(list(product(range(len(LETTERS)), repeat=LENGTH)))
PROMPTS = [(topic, tone) for topic in range(SIDE) for tone in range(SIDE)]


def prompt_of(world: int, place: int) -> str:
    """The text of a prompt.

    >>> prompt_of(3, 6)
    'world 3, topic 1, tone 2'
    """
    topic, tone = PROMPTS[place]
    return f"world {world}, topic {topic}, tone {tone}"


def place_of(prompt: str) -> tuple[int, int]:
    """(world, place) of the text of a prompt.

    >>> place_of("world 3, topic 1, tone 2")
    (3, 6)
    """
    world, topic, tone = (int(part.split()[1]) for part in prompt.split(", "))
    return world, topic * SIDE + tone


def number_of(answer: str) -> int:
    """The place of an answer among all.

    >>> ANSWERS[number_of("abca")]
    'abca'
    """
    number = 0
    for letter in answer:
        number = number * len(LETTERS) + LETTERS.index(letter)
    return number


def raw_reward(world: int) -> np.ndarray:
    """The reward of every answer to every prompt, (16, 4096), before it is standardised.

    Which letters are liked at which place depends on the topic, which pairs of neighbours on the
    tone, and which pair of the first and the last on both: so a prompt can be learnt from others.
    """
    rng, n = np.random.default_rng([world, 20240523]), len(LETTERS)
    at = rng.standard_normal((SIDE, LENGTH, n))
    beside = rng.standard_normal((SIDE, n, n))
    around = rng.standard_normal((SIDE, SIDE, n, n))
    found = np.empty((len(PROMPTS), len(ANSWERS)))
    for place, (topic, tone) in enumerate(PROMPTS):
        single = sum(at[topic, t, TOKENS[:, t]] for t in range(LENGTH))
        pairs = sum(beside[tone, TOKENS[:, t], TOKENS[:, t + 1]] for t in range(LENGTH - 1))
        found[place] = single + pairs + around[topic, tone, TOKENS[:, 0], TOKENS[:, -1]]
    return found


def standardised(reward: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """A reward with mean 0 and standard deviation 1 under log-probabilities of a reference."""
    weights = np.exp(reference)
    centred = reward - (weights * reward).sum(1, keepdims=True)
    found: np.ndarray = centred / np.sqrt((weights * centred**2).sum(1, keepdims=True))
    return found


def divergence(policy: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """KL(policy || reference) of every prompt, of log-probabilities (16, 4096), in nats."""
    found: np.ndarray = (np.exp(policy) * (policy - reference)).sum(1)
    return found


def tilted(reference: np.ndarray, direction: np.ndarray, strength: float) -> np.ndarray:
    """log of ref exp(strength direction) / Z."""
    found = reference + strength * direction
    normed: np.ndarray = found - logsumexp(found, axis=1, keepdims=True)
    return normed


def at_divergence(reference: np.ndarray, direction: np.ndarray, nats: float) -> np.ndarray:
    """The policy of the family ref exp(t direction) / Z whose mean KL to the reference is `nats`.

    With the reward as the direction, it is the best policy at this KL. With log pi / ref, it is the
    policy pi drawn back to the reference, or driven on (Liu et al. 2024, arXiv 2402.02992): so
    policies are compared at equal KL, however far they were trained. A direction that is the same
    for all answers leads nowhere: the reference.
    """
    direction = direction - direction.mean(1, keepdims=True)
    size = direction.std()
    if size < 1e-6:
        return reference
    direction = direction / size

    def excess(strength: float) -> float:
        return float(divergence(tilted(reference, direction, strength), reference).mean()) - nats

    return tilted(reference, direction, _root(excess))


def _root(excess: Callable[[float], float]) -> float:
    """Where an increasing function that is negative at 0 is 0; the last bracket if it never is."""
    from scipy.optimize import brentq

    high = 1.0
    while excess(high) < 0 and high < 1e4:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-10)) if excess(high) > 0 else high


@cache
def optimum_at(world: int, nats: float) -> float:
    """The highest mean reward of a policy at this mean KL to the reference."""
    from dipole.studies.benches.enum_policy import reference, reward

    best = at_divergence(reference(), reward(world), nats)
    return float((np.exp(best) * reward(world)).sum(1).mean())
