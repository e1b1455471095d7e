"""Writes answers token by token, by a rule."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dipole.data.prompts import Prompt
from dipole.language.causal import CausalLM
from dipole.language.decoding.choosing import Choice
from dipole.language.decoding.rule import Rule, Running


class Written(NamedTuple):
    """The tokens of an answer, the end of text not among them; finish: why it ends there, `end` (of
    the text), `length` (as many as wanted) or `context` (the model reads no more)."""

    tokens: list[int]
    finish: str


class Drafts:
    """Answers in the making: which rows still grow, and why the others stopped."""

    def __init__(self, room: Sequence[int], most: int, ends: Collection[int]) -> None:
        self.room, self.most, self.ends = room, most, ends
        self.growing = list(range(len(room)))
        self.written = [Written([], "length") for _ in room]

    def add(self, tokens: Sequence[int]) -> list[int]:
        """Add a token to every row that grows; the places among these rows of those that go on."""
        on = []
        for place, (row, token) in enumerate(zip(self.growing, tokens, strict=True)):
            own = self.written[row].tokens
            if token in self.ends:
                self.written[row] = Written(own, "end")
                continue
            own.append(token)
            if len(own) < min(self.most, self.room[row]):
                on.append(place)
            elif self.room[row] < self.most:
                self.written[row] = Written(own, "context")
        self.growing = [self.growing[place] for place in on]
        return on


def write_by_rule(
    rule: Rule,
    choice: Choice,
    model: CausalLM,
    prompts: Sequence[Prompt],
    most: int,
    ends: Collection[int],
    draws: Tensor,
) -> list[Written]:
    """Answers to prompts, `most` tokens each at most; draws: (prompts, most) numbers in [0, 1)."""
    running = Running(rule, model, prompts)
    drafts = Drafts(running.room, most, ends)
    for step in range(most):
        tokens = choice(running.scores(), draws[drafts.growing, step].to(model.device))
        on = drafts.add(tokens.tolist())
        if not on:
            break
        if len(on) < len(tokens):
            kept = torch.tensor(on, device=tokens.device)
            running.select(kept)
            tokens = tokens[kept]
        running.read(tokens)
    return drafts.written
