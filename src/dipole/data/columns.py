"""Which columns of a source are the fields of an example: named by the user, or the first texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dipole.data.examples import (
    TEXT,
    WHOLE,
    Examples,
    Inputs,
    Labeled,
    Pairs,
    Ranked,
    Scored,
    Texts,
    Triplets,
)
from dipole.data.rows import (
    BadValueError,
    Source,
    is_number,
    join_title,
    negatives_of,
    number_of,
    numbers_of,
    shown,
    text_of,
    texts_of,
)
from dipole.errors import InputError

# The first of these that is there is the id, the score or the label (the order of `datasets`).
IDS = ("id", "_id")
SCORES = ("score", "scores", "label", "labels", "similarity")
LABELS = ("label", "labels", "class", "category")
_NEGATIVE = re.compile(r"negatives?|negative_\d+|neg|negative_passages")
# Columns that come with others and are no texts to compare.
_NEVER_TEXT = re.compile(r"id|_id|labels?|scores?|class|category|similarity|split|.*_scores")

Parsed = list[dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """How a row of one source becomes examples of one type."""

    kind: type[Examples]
    parse: Callable[[dict[str, Any]], Parsed]  # raises BadValueError
    taken: str  # in words, for `origin`
    id: str | None
    metadata: bool = False  # whether rows carry more than the fields of their type
    kinds: dict[str, str] | None = None  # of the fields, where the type leaves them open
    columns: dict[str, str] | None = None  # field -> the column it is read from


def get(row: dict[str, Any], column: str) -> Any:
    """A value of a row, or a message that names the columns the row has."""
    if column not in row:
        raise BadValueError(f"no column '{column}'; columns found: {', '.join(map(str, row))}")
    return row[column]


def id_column(row: dict[str, Any]) -> str | None:
    """The column that holds ids, if there is one."""
    return next((name for name in IDS if name in row), None)


def _text_columns(row: dict[str, Any]) -> list[str]:
    """Columns with text in the first row, in file order, numbers and ids left out."""
    return [
        name
        for name, value in row.items()
        if isinstance(value, str)
        and not _NEVER_TEXT.fullmatch(name)
        and not _NEGATIVE.fullmatch(name)
        and not is_number(value)
    ]


def _two_texts(source: Source, row: dict[str, Any], without: Sequence[str] = ()) -> list[str]:
    texts = [name for name in _text_columns(row) if name not in without]
    if len(texts) < 2:
        raise InputError(
            f"{source.name}: found {'one text column' if texts else 'no text column'} among "
            f"{', '.join(map(str, row))}; expected two (or name them)"
        )
    return texts[:2]


def _named(source: Source, row: dict[str, Any], columns: Sequence[str | None]) -> None:
    """Every column the user named is there."""
    for column in columns:
        if source.same_columns and column is not None and column not in row:
            raise InputError(
                f"{source.name}: no column '{column}'; columns found: {', '.join(map(str, row))}"
            )


def plan_pairs(
    source: Source,
    row: dict[str, Any],
    anchor: str | None = None,
    positive: str | None = None,
    negative: str | Sequence[str] | None = None,
) -> Plan:
    """Pairs, or Triplets where there are negatives.

    Not named: `anchor` and `positive`, or `query` and `pos` (lists, as FlagEmbedding and tevatron
    write them), else the first two text columns; then `negative`, `negative_1` ... are taken too.
    """
    negatives = [negative] if isinstance(negative, str) else list(negative or [])
    guessed = anchor is None and positive is None
    if guessed:
        known = [("anchor", "positive"), ("query", "pos"), ("query", "positive_passages")]
        anchor, positive = next(((a, p) for a, p in known if a in row and p in row), (None, None))
        if not negatives:
            negatives = [name for name in row if _NEGATIVE.fullmatch(str(name))]
    if anchor is None or positive is None:
        chosen = [name for name in (anchor, positive, *negatives) if name is not None]
        if guessed:
            anchor, positive = _two_texts(source, row, negatives)
        else:
            other = [name for name in _text_columns(row) if name not in chosen]
            if not other:
                raise InputError(
                    f"{source.name}: found no text column beside '{chosen[0]}' among "
                    f"{', '.join(map(str, row))}; expected one (or name it)"
                )
            anchor, positive = anchor or other[0], positive or other[0]
    _named(source, row, [anchor, positive, *negatives])
    anchor_column, positive_column = anchor, positive

    def parse(values: dict[str, Any]) -> Parsed:
        fields: dict[str, Any] = {"anchor": text_of(get(values, anchor_column), anchor_column)}
        positives = texts_of(get(values, positive_column), positive_column)
        if negatives:
            fields["negatives"] = [
                text for name in negatives for text in negatives_of(get(values, name), name)
            ]
        return [{**fields, "positive": text} for text in positives]

    taken = f"anchor '{anchor}', positive '{positive}'"
    if negatives:
        taken += f", negatives {', '.join(repr(name) for name in negatives)}"
    kind = Triplets if negatives else Pairs
    columns = {"anchor": anchor, "positive": positive}
    return Plan(kind, parse, taken, id_column(row), columns=columns)


def plan_scored(
    source: Source,
    row: dict[str, Any],
    first: str | None = None,
    second: str | None = None,
    score: str | None = None,
) -> Plan:
    """Two texts and a score: `score` or `label`, else the only column of numbers."""
    if score is None:
        score = next((name for name in SCORES if name in row), None)
    if score is None:
        numbers = [name for name in row if name not in IDS and is_number(row[name])]
        if len(numbers) != 1:
            raise InputError(
                f"{source.name}: found {len(numbers) or 'no'} column{'s' * (len(numbers) > 1)} of "
                f"numbers among {', '.join(map(str, row))}; expected one, the score (or name it)"
            )
        score = numbers[0]
    if first is None or second is None:
        texts = [name for name in _text_columns(row) if name not in (first, second, score)]
        missing = [name for name in (first, second) if name is None]
        if len(texts) < len(missing):
            _two_texts(source, row, [score])
        first = first or texts.pop(0)
        second = second or texts.pop(0)
    _named(source, row, [first, second, score])
    columns = first, second, score

    def parse(values: dict[str, Any]) -> Parsed:
        one, two, number = columns
        return [
            {
                "first": text_of(get(values, one), one),
                "second": text_of(get(values, two), two),
                "score": number_of(get(values, number), number),
            }
        ]

    taken = f"first '{first}', second '{second}', score '{score}'"
    named = {"first": first, "second": second, "score": score}
    return Plan(Scored, parse, taken, id_column(row), columns=named)


def plan_labeled(
    source: Source, row: dict[str, Any], input: str | None = None, label: str | None = None
) -> Plan:
    """A text and its class: `label`, `class` or `category`, else the last of two columns."""
    if label is None:
        label = next((name for name in LABELS if name in row and name != input), None)
    if label is None:
        others = [name for name in row if name not in (*IDS, input)]
        if len(others) > 2 or not others:
            raise InputError(
                f"{source.name}: found no label among {', '.join(map(str, row))}; "
                "expected a column 'label' (or name it)"
            )
        label = others[-1]
    if input is None:
        texts = [name for name in _text_columns(row) if name != label]
        if not texts:
            raise InputError(
                f"{source.name}: found no text column among {', '.join(map(str, row))}; "
                "expected one (or name it)"
            )
        input = texts[0]
    _named(source, row, [input, label])
    columns = input, label
    # Decided by the first row: a column has one type. A csv file has its numbers as text.
    whole = _is_whole(row.get(label))

    def parse(values: dict[str, Any]) -> Parsed:
        text, name = columns
        value = get(values, name)
        if whole and not _is_whole(value):
            raise BadValueError(
                f"column '{name}': found {shown(value)}; expected a whole number, as in the "
                "first row"
            )
        value = int(value) if whole else text_of(value, name)
        return [{"input": text_of(get(values, text), text), "label": value}]

    kinds = {"input": TEXT, "label": WHOLE if whole else TEXT}
    taken = f"input '{input}', label '{label}'"
    named = {"input": input, "label": label}
    return Plan(Labeled, parse, taken, id_column(row), kinds=kinds, columns=named)


def plan_inputs(source: Source, row: dict[str, Any], input: str | None = None) -> Plan:
    """A text, with its class where the source has a column of that name."""
    label = next((name for name in LABELS if name in row and name != input), None)
    if label is not None:
        return plan_labeled(source, row, input, label)
    texts = _text_columns(row) if input is None else [input]
    if not texts:
        raise InputError(
            f"{source.name}: found no text column among {', '.join(map(str, row))}; "
            "expected one (or name it)"
        )
    _named(source, row, texts)
    column = texts[0]

    def parse(values: dict[str, Any]) -> Parsed:
        return [{"input": text_of(get(values, column), column)}]

    return Plan(Inputs, parse, f"input '{column}'", id_column(row), kinds={"input": TEXT})


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"-?\d{1,18}", value, re.ASCII) is not None
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def plan_ranked(
    source: Source,
    row: dict[str, Any],
    query: str | None = None,
    candidates: str | None = None,
    relevance: str | None = None,
) -> Plan:
    """`query`, `candidates`, `relevance`; or `query`, `pos`, `neg` (with `pos_scores`, ...).

    The query may be named in either form, the other two are those of the first.
    """
    asked = query or "query"
    lists = candidates is None and relevance is None and "pos" in row and "neg" in row
    texts, worths = candidates or "candidates", relevance or "relevance"
    names = [asked, "pos", "neg"] if lists else [asked, texts, worths]
    _named(source, row, names)

    def parse(values: dict[str, Any]) -> Parsed:
        text = text_of(get(values, asked), asked)
        if lists:
            offered, grades = [], []
            for name, worth in (("pos", 1.0), ("neg", 0.0)):
                found = (texts_of if name == "pos" else negatives_of)(get(values, name), name)
                scores = values.get(f"{name}_scores")
                offered += found
                grades += (
                    [worth] * len(found) if scores is None else numbers_of(scores, f"{name}_scores")
                )
        else:
            offered = texts_of(get(values, texts), texts)
            grades = numbers_of(get(values, worths), worths)
        if len(offered) != len(grades):
            raise BadValueError(
                f"found {len(offered)} candidates and {len(grades)} relevances; expected as many"
            )
        return [{"query": text, "candidates": offered, "relevance": grades}]

    taken = ", ".join(names)
    columns = None if lists else dict(zip(("query", "candidates", "relevance"), names, strict=True))
    return Plan(Ranked, parse, taken, id_column(row), columns=columns)


def plan_texts(source: Source, row: dict[str, Any]) -> Plan:
    """Documents or queries of a BEIR folder: `_id`, `text`, maybe `title`; the rest is metadata."""
    identity = id_column(row)
    if identity is None or "text" not in row:
        raise InputError(
            f"{source.name}: found the columns {', '.join(map(str, row))}; expected _id and text"
        )

    def parse(values: dict[str, Any]) -> Parsed:
        text = text_of(join_title(values.get("title"), get(values, "text")), "text")
        rest = dict(values.get("metadata") or {})
        for name, value in values.items():
            if name not in (identity, "text", "metadata") and value not in ("", None):
                rest[name] = value
        return [{"text": text, "metadata": json.dumps(rest) if rest else None}]

    return Plan(Texts, parse, "title and text", identity, metadata=True)
