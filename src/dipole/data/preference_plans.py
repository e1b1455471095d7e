"""Preferences from the layouts that public data sets have: pairs, rated answers, transcripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from dipole.data.columns import ColumnsError, check_named, id_column
from dipole.data.converting import OnBadRow
from dipole.data.loading import load_planned
from dipole.data.names import find
from dipole.data.plans import Parsed, Plan
from dipole.data.preferences import Dialogues, Message, Preferences
from dipole.data.reading import get
from dipole.data.rows import BadValueError, Source, number_of, numbers_of, shown, text_of
from dipole.data.sample import Sample

PROMPTS = ("prompt", "question", "instruction", "query", "input")
RESPONSES = ("response", "completion", "answer", "output")
LISTS = ("answers", "responses", "completions")
RATINGS = ("ratings", "rating", "score", "scores", "reward", "rewards", "label", "labels")
# What the transcripts of hh-rlhf put before a turn of the model.
TURN = "\n\nAssistant:"
_WORDS = {"true": 1.0, "false": 0.0}


def load_preferences(
    source: Any,
    prompt: str | None = None,
    chosen: str | None = None,
    rejected: str | None = None,
    rating: str | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
) -> Preferences:
    """Preferences of a file, a `datasets` folder or hub id, or a table in memory.

    Layouts, by the names of their columns, or those named: `prompt`, `chosen`, `rejected`;
    `prompt`, `response`, and a `score` or `label` (true and false, or numbers); `prompt`,
    `responses` and `scores`, lists. Every text may be a list of messages ({"role", "content"}),
    as trl has it; then `prompt` may be missing, and is what both conversations begin with. Two
    whole transcripts of hh-rlhf (`\\n\\nHuman: ...\\n\\nAssistant: ...`) are read up to the last
    answer.

    Raises:
        InputError: one line that says file, row, what was found and what was expected: no rejected
            answer, two equal answers, transcripts that differ before the last answer.

    Example:
        >>> load_preferences([{"prompt": "2 + 2 = ", "chosen": "4", "rejected": "5"}])[0]["answers"]
        ['4', '5']
    """
    named = {"prompt": prompt, "chosen": chosen, "rejected": rejected, "rating": rating}

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_preferences(rows, sample, prompt, chosen, rejected, rating)

    return cast(Preferences, load_planned(source, split, on_bad_row, plan, named, Preferences))


def plan_preferences(
    source: Source,
    sample: Sample,
    prompt: str | None = None,
    chosen: str | None = None,
    rejected: str | None = None,
    rating: str | None = None,
) -> Plan:
    """How rows become `Preferences`, or `Dialogues` where the texts are lists of messages."""
    options = [("--anchor", prompt), ("--positive", chosen), ("--negative", rejected)]
    check_named(source, sample, [*options, ("--score", rating)])
    prompt = prompt or find(sample, PROMPTS)
    better = chosen or find(sample, ["chosen"])
    worse = rejected or find(sample, ["rejected"])
    if better is not None and (worse is not None or rating is None):
        if worse is None and find(sample, RATINGS) is None:
            raise ColumnsError(
                f"{source.name}: found '{better}' and no rejected answer among {sample}; expected "
                "a column 'rejected' (or name it: --negative), or ratings (--score)"
            )
        if worse is not None:
            return _of_pairs(sample, prompt, better, worse)
    answers = chosen or find(sample, (*LISTS, *RESPONSES))
    grades = rating or find([name for name in sample if name != answers], RATINGS)
    if prompt is None or answers is None or grades is None:
        raise ColumnsError(
            f"{source.name}: found no preferences among {sample}; expected the columns prompt, "
            "chosen and rejected, or prompt, response and score"
        )
    return _of_rated(sample, prompt, answers, grades)


def _of_pairs(sample: Sample, prompt: str | None, better: str, worse: str) -> Plan:
    is_dialogue = any(map(is_messages, sample.values(better)))
    given = prompt
    if is_dialogue and prompt is not None and not any(map(is_messages, sample.values(prompt))):
        given = None  # a title of the conversations, which begin with it

    def parse(row: dict[str, Any]) -> Parsed:
        if row.get(worse) in (None, "", []):
            raise BadValueError(f"column '{worse}': found no rejected answer; expected one")
        if is_dialogue:
            asked, *both = _dialogue(row, given, better, worse)
        elif given is None:
            asked, *both = _transcripts(row, better, worse)
        else:
            asked = text_of(get(row, given), given)
            both = [text_of(get(row, name), name) for name in (better, worse)]
        if both[0] == both[1]:
            raise BadValueError(
                f"columns '{better}' and '{worse}': found one answer twice; expected two that "
                "differ"
            )
        return [{"prompt": asked, "answers": both, "ratings": [1.0, 0.0]}]

    begun = "their common beginning" if given is None else f"'{given}'"
    taken = f"prompt {begun}, chosen '{better}', rejected '{worse}'"
    columns = {"prompt": given, "answers": better} if given else {"answers": better}
    kind = Dialogues if is_dialogue else Preferences
    return Plan(kind, parse, taken, id_column(sample), columns=columns)


def _of_rated(sample: Sample, prompt: str, answers: str, grades: str) -> Plan:
    values = sample.values(answers)
    is_dialogue = any(map(is_messages, sample.values(prompt)))
    is_list = any(isinstance(value, list) and not is_messages(value) for value in values)

    def parse(row: dict[str, Any]) -> Parsed:
        offered, worth = get(row, answers), get(row, grades)
        if is_list:
            offered, worth = list(offered or []), numbers_of(worth, grades)
            if not offered or len(offered) != len(worth):
                raise BadValueError(
                    f"columns '{answers}' and '{grades}': found {len(offered)} answers and "
                    f"{len(worth)} ratings; expected as many"
                )
        else:
            offered, worth = [offered], [_rating(worth, grades)]
        read = messages_of if is_dialogue else text_of
        asked = read(get(row, prompt), prompt)
        texts = [read(one, answers) for one in offered]
        if len(set(texts)) < len(texts):
            raise BadValueError(f"column '{answers}': found one answer twice; expected each once")
        order = sorted(range(len(texts)), key=lambda i: -worth[i])
        return [
            {
                "prompt": asked,
                "answers": [texts[i] for i in order],
                "ratings": [worth[i] for i in order],
            }
        ]

    taken = f"prompt '{prompt}', answers '{answers}', ratings '{grades}'"
    columns = {"prompt": prompt, "answers": answers, "ratings": grades}
    kind = Dialogues if is_dialogue else Preferences
    return Plan(kind, parse, taken, id_column(sample), columns=columns)


def _rating(value: Any, column: str) -> float:
    """A number, or what is true (1) or false (0)."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    return number_of(value, column)


def _transcripts(row: Mapping[str, Any], *columns: str) -> list[str]:
    """The common beginning of two transcripts, and the last answer of each."""
    found = []
    for column in columns:
        text = text_of(get(row, column), column)
        before, turn, answer = text.rpartition(TURN)
        if not turn:
            raise BadValueError(
                f"column '{column}': found {shown(text)} and no column of prompts; expected one "
                "('prompt'), or whole transcripts (Human: ..., Assistant: ...)"
            )
        found.append((before + turn, text_of(answer, column)))
    (prompt, better), (other, worse) = found
    if prompt != other:
        raise BadValueError(
            f"columns '{columns[0]}' and '{columns[1]}': found transcripts that differ before "
            "their last answer; expected one prompt"
        )
    return [prompt, better, worse]


def _dialogue(row: Mapping[str, Any], prompt: str | None, *columns: str) -> list[str]:
    """The prompt and the answers as json; without a column of prompts their common beginning."""
    both = [_checked(get(row, column), column) for column in columns]
    if prompt is not None:
        return [messages_of(get(row, prompt), prompt), *map(_json, both)]
    shared = 0
    while shared < min(map(len, both)) and both[0][shared] == both[1][shared]:
        shared += 1
    if shared == min(map(len, both)) or shared == 0:
        what = "one within the other" if shared else "nothing in common at their beginning"
        raise BadValueError(
            f"columns '{columns[0]}' and '{columns[1]}': found conversations with {what}; "
            "expected the same prompt, and then an answer of each"
        )
    return [_json(both[0][:shared]), *(_json(one[shared:]) for one in both)]


def messages_of(value: Any, column: str) -> str:
    """A conversation as json."""
    return _json(_checked(value, column))


def _checked(value: Any, column: str) -> list[Message]:
    """Messages with a role and a text each, and nothing else."""
    messages = value if isinstance(value, list) else [value]
    if not messages or not all(_is_message(one) for one in messages):
        raise BadValueError(
            f'column \'{column}\': found {shown(value)}; expected messages ({{"role", "content"}})'
        )
    return [
        {"role": str(one["role"]), "content": text_of(one["content"], column)} for one in messages
    ]


def _json(messages: Sequence[Message]) -> str:
    return json.dumps(messages, ensure_ascii=False)


def is_messages(value: Any) -> bool:
    """Whether a value is a list of messages, by its first."""
    return isinstance(value, list) and bool(value) and _is_message(value[0])


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and {"role", "content"} <= value.keys()
