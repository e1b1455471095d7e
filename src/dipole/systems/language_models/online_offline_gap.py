"""Online and offline alignment: answers of the model as it is now, or a fixed set of pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from dipole.data.preferences import Preferences
from dipole.language.rewards import fitted
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, pair
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_world import LENGTH, LETTERS, SIDE, TOKENS, number_of, place_of

# The penalty of the proxy reward on EnumWorld, the best of 0.3 to 100 on world 20.
PENALTY = 10.0


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
    """A Bradley-Terry reward of `features`, fitted to the pairs of the examples: all that is known
    of the reward, errors of the judges included."""
    read = examples.read(range(len(examples)))
    both = features([str(one.prompt) for one in read], [one.answers for one in read])
    weights = fitted(np.stack([row[0] - row[1] for row in both]), PENALTY)
    return [row @ weights for row in features(prompts, answers)]
