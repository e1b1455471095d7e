"""The policy of EnumWorld: a small recurrent language model whose answers are all enumerated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.data.preferences import Answers
from dipole.encoders.base import Encoder, Features, Role
from dipole.studies.benches.enum_world import (
    LENGTH,
    LETTERS,
    PROMPTS,
    SIDE,
    place_of,
    raw_reward,
    standardised,
)

# Width of the logits at the start: a reference that has favourites, of 7.1 nats where the uniform
# one has 8.3.
SHARPNESS = 4.0


class EnumPolicy(Encoder):
    """log pi(y | x) = sum_t log softmax(W h_t)[y_t], h_t of a GRU that begins with topic and tone.

    A language model as `CausalLM` is one: it gives log-probabilities of answers, and is trained by
    the same parts and objectives. Every new one is the same: the reference.
    """

    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "schedule": "constant"
    }

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        self.dim = dim
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.topics, self.tones = nn.Embedding(SIDE, dim), nn.Embedding(SIDE, dim)
            self.letters = nn.Embedding(len(LETTERS) + 1, dim)  # the last one: nothing yet
            self.cell = nn.GRU(dim, dim, batch_first=True)
            self.head = nn.Linear(dim, len(LETTERS), bias=False)
            with torch.no_grad():
                self.head.weight.mul_(SHARPNESS)

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Topics and tones (n, 2), letters (n, 4) and which of them are targets, all, of every
        answer of `Answers`."""
        rows = [(one.prompt, text) for one in inputs for text in _checked(one).answers]
        places = [PROMPTS[place_of(str(prompt))[1]] for prompt, _ in rows]
        letters = [[LETTERS.index(letter) for letter in text] for _, text in rows]
        tokens = torch.tensor(letters, dtype=torch.int64).reshape(len(rows), LENGTH)
        return {
            "prompt": torch.tensor(places, dtype=torch.int64).reshape(len(rows), 2),
            "tokens": tokens,
            "targets": torch.ones_like(tokens, dtype=torch.bool),
        }

    def log_probs(self, features: Features) -> Tensor:
        """log pi(letter | all before it) of every letter of every answer, (n, 4)."""
        logits = self.head(self._states(features["prompt"], features["tokens"][:, :-1]))
        return logits.log_softmax(2).gather(2, features["tokens"][:, :, None]).squeeze(2)

    def forward(self, features: Features) -> Tensor:
        """The state after the last letter but one, of length 1, (n, dim)."""
        return F.normalize(self._states(features["prompt"], features["tokens"][:, :-1])[:, -1])

    @torch.no_grad()
    def enumerated(self) -> np.ndarray:
        """log pi(y | x) of all answers to all prompts, (16, 4096), from the tree of beginnings."""
        state, found = self._begun(torch.tensor(PROMPTS)), torch.zeros(len(PROMPTS), 1)
        before = torch.full((len(PROMPTS), 1), len(LETTERS))
        for _ in range(LENGTH):
            state = self.cell(self.letters(before.reshape(-1, 1)), state[None])[1][0]
            step = self.head(state).double().log_softmax(1)
            found = (found[:, :, None] + step.reshape(len(PROMPTS), -1, len(LETTERS))).flatten(1)
            before = torch.arange(len(LETTERS)).repeat(found.shape[0], found.shape[1] // 8)
            state = state.repeat_interleave(len(LETTERS), 0)
        return found.numpy()

    def _begun(self, prompt: Tensor) -> Tensor:
        return torch.tanh(self.topics(prompt[:, 0]) + self.tones(prompt[:, 1]))

    def _states(self, prompt: Tensor, before: Tensor) -> Tensor:
        start = torch.full_like(prompt[:, :1], len(LETTERS))
        letters = self.letters(torch.cat([start, before], 1))
        found: Tensor = self.cell(letters, self._begun(prompt)[None])[0]
        return found


def _checked(one: Any) -> Answers:
    from dipole.errors import InputError

    if not isinstance(one, Answers):
        raise InputError("EnumPolicy: found inputs without a prompt; expected preferences")
    return one


@cache
def reference() -> np.ndarray:
    """log ref(y | x), (16, 4096): the policy before any training."""
    return EnumPolicy().enumerated()


@cache
def reward(world: int) -> np.ndarray:
    """r(x, y) of a world, (16, 4096), standardised under the reference."""
    return standardised(raw_reward(world), reference())
