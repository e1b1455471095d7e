"""Prompts for a language model: texts or conversations, some with another to contrast them with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, cast

from dipole.data.columns import ColumnsError, check_named, id_column
from dipole.data.converting import OnBadRow
from dipole.data.examples import Examples
from dipole.data.fields import TEXT
from dipole.data.loading import load_planned
from dipole.data.names import find
from dipole.data.plans import Parsed, Plan
from dipole.data.preference_plans import PROMPTS, is_messages, messages_of
from dipole.data.preferences import Message
from dipole.data.reading import get
from dipole.data.rows import Source, text_of
from dipole.data.sample import Sample

Text = str | list[Message]


class Prompt(NamedTuple):
    """A text, or a list of messages ({"role", "content"}); contrast: another one, which the answer
    is to be unlikely after; id: what messages and results call it."""

    text: Text
    contrast: Text | None = None
    id: str = "0"


class Prompts(Examples):
    """(id, prompt, contrast): texts; a contrast of "" is none."""

    FIELDS: ClassVar[dict[str, str]] = {"prompt": TEXT, "contrast": TEXT}

    def read(self, rows: Sequence[int]) -> list[Prompt]:
        """The prompts of these rows."""
        taken = self.take(rows)
        return [
            Prompt(self._text(prompt), self._text(other) if other else None, id)
            for id, prompt, other in zip(
                taken["id"], taken["prompt"], taken["contrast"], strict=True
            )
        ]

    @staticmethod
    def _text(value: str) -> Text:
        return value


class Conversations(Prompts):
    """Prompts that are lists of messages, kept as json."""

    @staticmethod
    def _text(value: str) -> Text:
        return cast(Text, json.loads(value))


def load_prompts(
    source: Any,
    prompt: str | None = None,
    contrast: str | None = None,
    id: str | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
) -> Prompts:
    """Prompts of a file, a `datasets` folder or hub id, or a table in memory.

    Args:
        prompt: column of the prompts, texts or lists of messages ({"role", "content"}); not given:
            `prompt`, `question`, `instruction`, `query`, `input`, `text`.
        contrast: column of prompts to contrast them with, for methods that read one; not given:
            `contrast`, if it is there.
        id: column of the ids; not given: `id`, `_id`, or row numbers.

    Raises:
        InputError: one line that says file, row, what was found and what was expected.

    Example:
        >>> load_prompts([{"prompt": "2 + 2 ="}, {"prompt": "3 + 3 ="}]).read([1])
        [Prompt(text='3 + 3 =', contrast=None, id='1')]
    """
    named = {"prompt": prompt, "contrast": contrast, "id": id}

    def plan(rows: Source, sample: Sample) -> Plan:
        return _plan(rows, sample, prompt, contrast, id)

    return cast(Prompts, load_planned(source, split, on_bad_row, plan, named, Prompts))


def _plan(
    source: Source, sample: Sample, prompt: str | None, contrast: str | None, id: str | None
) -> Plan:
    check_named(source, sample, [("--column", prompt), ("--contrast", contrast), ("--id", id)])
    asked = prompt or find(sample, (*PROMPTS, "text"))
    if asked is None:
        raise ColumnsError(
            f"{source.name}: found no prompts among {sample}; expected a column 'prompt' (or name "
            "it: --column)"
        )
    other = contrast or find([name for name in sample if name != asked], ["contrast"])
    is_dialogue = any(map(is_messages, sample.values(asked)))
    read = messages_of if is_dialogue else text_of

    def parse(row: dict[str, Any]) -> Parsed:
        made = {"prompt": read(get(row, asked), asked), "contrast": ""}
        if other is not None and row.get(other) not in (None, "", []):
            made["contrast"] = read(row[other], other)
        return [made]

    taken = f"prompt '{asked}'" + (f", contrast '{other}'" if other else "")
    columns = {"prompt": asked} | ({"contrast": other} if other else {})
    kind = Conversations if is_dialogue else Prompts
    return Plan(kind, parse, taken, id or id_column(sample), columns=columns)
