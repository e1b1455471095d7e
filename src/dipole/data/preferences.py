"""Preferences: a prompt and answers to it, chosen and rejected or with a rating each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from dipole.data.examples import Examples
from dipole.data.fields import NUMBERS, TEXT, TEXTS

Message = dict[str, str]


class Answers(NamedTuple):
    """A prompt with its answers as a language model reads them: texts, or lists of messages
    ({"role", "content"}), which its chat template makes a text of."""

    prompt: str | list[Message]
    answers: list[Any]


class Preferences(Examples):
    """(id, prompt, answers, ratings): a prompt and one or more answers, the best rated first.

    A pair has two, rated 1 (chosen) and 0 (rejected); a point one; a list any number.
    """

    FIELDS: ClassVar[dict[str, str]] = {"prompt": TEXT, "answers": TEXTS, "ratings": NUMBERS}

    def read(self, rows: Sequence[int]) -> list[Answers]:
        """The prompts of these rows with their answers."""
        taken = self.take(rows)
        return [
            Answers(prompt, list(answers))
            for prompt, answers in zip(taken["prompt"], taken["answers"], strict=True)
        ]


class Dialogues(Preferences):
    """Preferences whose prompts and answers are lists of messages, kept as json."""

    def read(self, rows: Sequence[int]) -> list[Answers]:
        """The prompts of these rows with their answers, as messages."""
        return [
            Answers(json.loads(str(prompt)), [json.loads(answer) for answer in answers])
            for prompt, answers in super().read(rows)
        ]
