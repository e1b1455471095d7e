"""The policy of EnumWorld as a writer: it draws answers from all that it can say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dipole.studies.benches.enum_policy import EnumPolicy, reward
from dipole.studies.benches.enum_world import ANSWERS, LENGTH, LETTERS, TOKENS, number_of, place_of


class EnumWriter(EnumPolicy):
    """`EnumPolicy` with answers drawn as `self-samples` asks for them; the same weights."""

    def write_answers(self, prompts: Sequence[str], samples: int, seed: int) -> list[list[str]]:
        """Independent draws of pi(y | x), `samples` for each prompt, from its table."""
        sums = np.exp(self.enumerated()).cumsum(1)
        draws = np.random.default_rng(seed).random((len(prompts), samples))
        found = []
        for prompt, row in zip(prompts, draws, strict=True):
            own = sums[place_of(str(prompt))[1]]
            numbers = np.searchsorted(own, row * own[-1], side="right").clip(max=len(own) - 1)
            found.append([ANSWERS[int(number)] for number in numbers])
        return found


def golden(prompts: Sequence[str], answers: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """The true rewards of answers to prompts of a world."""
    found = []
    for prompt, row in zip(prompts, answers, strict=True):
        world, place = place_of(str(prompt))
        found.append(reward(world)[place, [number_of(answer) for answer in row]])
    return found


def letter_vectors(texts: Sequence[str]) -> np.ndarray:
    """Which letter stands where, (n, 32): answers with more letters in common are nearer."""
    numbers = np.array([number_of(text) for text in texts], dtype=np.int64)
    found = np.zeros((len(texts), LENGTH, len(LETTERS)))
    found[np.arange(len(texts))[:, None], np.arange(LENGTH), TOKENS[numbers]] = 1.0
    return found.reshape(len(texts), -1)
