"""From a row of a source to examples of one type: the columns chosen, and how each is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dipole.data.columns import (
    ColumnsError,
    check_named,
    check_pairs,
    choose_label,
    choose_pair,
    choose_score,
    choose_text,
    id_column,
    label_column,
    texts_and_body,
)
from dipole.data.examples import (
    IMAGE,
    TEXT,
    Examples,
    Inputs,
    Labeled,
    Pairs,
    Ranked,
    Scored,
    Texts,
    Triplets,
)
from dipole.data.image_cells import Pictures, are_images
from dipole.data.names import INPUTS, POSITIVES, is_negative
from dipole.data.rows import (
    BadValueError,
    Source,
    class_of,
    join_title,
    negatives_of,
    number_of,
    numbers_of,
    text_of,
    texts_of,
)
from dipole.data.sample import CLASSES, IMAGES, LISTS, NUMBERS, Sample
from dipole.data.sample import TEXT as TEXTUAL
from dipole.errors import InputError

Parsed = list[dict[str, Any]]
Resize = int | str | Sequence[int] | None


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
    images: Mapping[str, Pictures] = field(default_factory=dict)  # of the fields that are images


def get(row: dict[str, Any], column: str) -> Any:
    """A value of a row, or a message that names the columns the row has."""
    if column not in row:
        raise BadValueError(f"no column '{column}'; columns found: {', '.join(map(str, row))}")
    return row[column]


def with_title(row: dict[str, Any], column: str, body: str | None) -> Any:
    """A value of a row, after the row's `title` where the column is the one it belongs to."""
    value = get(row, column)
    if column != body:
        return value
    title = next((text for name, text in row.items() if str(name).lower() == "title"), None)
    return join_title(title, value)


def quoted(column: str, body: str | None) -> str:
    """A column of texts as `origin` has it."""
    return f"'{column}'" + " after title" * (column == body)


class Values:
    """How the values of the columns of a source are read: images, or texts after their titles."""

    def __init__(self, source: Source, sample: Sample, resize: Resize = None) -> None:
        self.source, self.sample, self.resize = source, sample, resize
        self.images: dict[str, Pictures] = {}

    def of(self, field: str, column: str, body: str | None) -> Callable[[dict[str, Any]], Any]:
        """What gets the field's value from a row."""
        if self.sample.kind(column) != IMAGES:
            return lambda row: text_of(with_title(row, column, body), column)
        self.images[field] = read = Pictures(self.source.folders, self.resize)
        return lambda row: read(get(row, column), column)

    def many(
        self, field: str, column: str, body: str | None
    ) -> Callable[[dict[str, Any]], list[Any]]:
        """The same for a column where a row may have several texts."""
        if self.sample.kind(column) == IMAGES:
            one = self.of(field, column, body)
            return lambda row: [one(row)]
        return lambda row: texts_of(with_title(row, column, body), column)

    def no_images(self, columns: Sequence[str]) -> None:
        """Refuse images where only texts are taken: their names are never texts."""
        for column in columns:
            found = self.sample.values(column)
            flat = [v for value in found for v in (value if isinstance(value, list) else [value])]
            if are_images(flat):
                raise ColumnsError(
                    f"{self.source.name}: found images in '{column}'; expected texts there, and "
                    "images as anchors or positives alone"
                )

    def quoted(self, column: str, body: str | None) -> str:
        """A column as `origin` has it."""
        if self.sample.kind(column) == IMAGES:
            size = "" if self.resize is None else f", resized to {self.resize}"
            return f"'{column}' (images{size})"
        return quoted(column, body)

    def kinds(self, kinds: Mapping[str, str]) -> dict[str, str]:
        """The kinds of the fields, those that are images among them."""
        if self.resize is not None and not self.images:
            raise InputError(
                f"{self.source.name}: found resize={self.resize!r} for texts; expected none"
            )
        return {**kinds, **dict.fromkeys(self.images, IMAGE)}


def plan_pairs(
    source: Source,
    sample: Sample,
    anchor: str | None = None,
    positive: str | None = None,
    negative: str | Sequence[str] | None = None,
    resize: Resize = None,
) -> Plan:
    """Pairs, or Triplets where there are negatives.

    Not named: columns whose names settle it (`anchor` and `positive`, `query` and `pos`, `question`
    and `answer`, ...), else the only two columns of text or images, images first; then `negative`,
    `negative_1`, ... are taken too, and a `title` goes before the text it belongs to.
    """
    negatives = [negative] if isinstance(negative, str) else list(negative or [])
    named = [("--anchor", anchor), ("--positive", positive)]
    check_named(source, sample, [*named, *(("--negative", name) for name in negatives)])
    body = None
    if anchor is None or positive is None:
        texts, body = texts_and_body(sample, [anchor, positive, *negatives])
        one = anchor or positive
        check_pairs(source, sample, texts if one is None else [one, *texts])
        if one is None:
            anchor, positive = choose_pair(source, sample, texts, ("--anchor", "--positive"))
            if sample.kind(positive) == IMAGES and sample.kind(anchor) != IMAGES:
                anchor, positive = positive, anchor  # an image and its text, in this order
            negatives = negatives or _negatives(sample)
        elif positive is None:
            positive = _beside(source, sample, one, texts, "--positive")
        else:
            anchor = _beside(source, sample, one, texts, "--anchor")
    assert anchor is not None
    assert positive is not None
    values = Values(source, sample, resize)
    values.no_images(negatives)
    first = values.of("anchor", anchor, body)
    second = values.many("positive", positive, body)

    def parse(row: dict[str, Any]) -> Parsed:
        fields: dict[str, Any] = {"anchor": first(row)}
        positives = second(row)
        if negatives:
            fields["negatives"] = [
                text for name in negatives for text in negatives_of(row.get(name, ()), name)
            ]
        return [{**fields, "positive": text} for text in positives]

    taken = f"anchor {values.quoted(anchor, body)}, positive {values.quoted(positive, body)}"
    if negatives:
        taken += f", negatives {', '.join(repr(name) for name in negatives)}"
    kind = Triplets if negatives else Pairs
    return Plan(
        kind,
        parse,
        taken,
        id_column(sample),
        kinds=values.kinds(kind.FIELDS),
        columns={"anchor": anchor, "positive": positive},
        images=values.images,
    )


def _negatives(sample: Sample) -> list[str]:
    held = (TEXTUAL, LISTS, CLASSES, IMAGES)  # images are then refused
    return [name for name in sample if is_negative(name) and sample.kind(name) in held]


def _beside(source: Source, sample: Sample, one: str, texts: list[str], option: str) -> str:
    """The other column of a pair of which the user named one."""
    wanted = POSITIVES if option in ("--positive", "--second") else frozenset()
    known = [name for name in texts if name.lower() in wanted]
    left = known if len(known) == 1 else texts
    if len(left) != 1:
        found = f"{len(left)} text columns ({', '.join(left)})" if left else "no text column"
        raise ColumnsError(
            f"{source.name}: found {found} beside '{one}' among {sample}; "
            f"expected one (or name it: {option})"
        )
    return left[0]


def plan_scored(
    source: Source,
    sample: Sample,
    first: str | None = None,
    second: str | None = None,
    score: str | None = None,
    resize: Resize = None,
) -> Plan:
    """Two texts and a score: `score`, `label`, `similarity`, ..., else the only numbers."""
    check_named(source, sample, [("--first", first), ("--second", second), ("--score", score)])
    score = score or choose_score(source, sample, [first, second])
    body = None
    if first is None and second is None:
        texts, body = texts_and_body(sample, [score])
        first, second = choose_pair(source, sample, texts, ("--first", "--second"))
    elif first is None or second is None:
        one = first or second
        assert one is not None
        texts, body = texts_and_body(sample, [one, score])
        other = _beside(source, sample, one, texts, "--first" if first is None else "--second")
        first, second = first or other, second or other
    number, values = score, Values(source, sample, resize)
    sides = {"first": values.of("first", first, body), "second": values.of("second", second, body)}

    def parse(row: dict[str, Any]) -> Parsed:
        found = {name: read(row) for name, read in sides.items()}
        return [found | {"score": number_of(get(row, number), number)}]

    taken = f"first {values.quoted(first, body)}, second {values.quoted(second, body)}"
    return Plan(
        Scored,
        parse,
        f"{taken}, score '{score}'",
        id_column(sample),
        kinds=values.kinds(Scored.FIELDS),
        columns={"first": first, "second": second, "score": score},
        images=values.images,
    )


def plan_labeled(
    source: Source,
    sample: Sample,
    input: str | None = None,
    label: str | None = None,
    resize: Resize = None,
) -> Plan:
    """A text and its class: `label`, `class` or `category`, else the last of two columns."""
    check_named(source, sample, [("--input", input), ("--label", label)])
    label = label or choose_label(source, sample, [input])
    column, body = _input(source, sample, input, label)
    if sample.kind(label) == NUMBERS and any(_is_fraction(v) for v in sample.values(label)):
        raise ColumnsError(
            f"{source.name}: found numbers with fractions in '{label}', scores and no classes; "
            "expected whole numbers or names (or name the column: --label)"
        )
    name, values = label, Values(source, sample, resize)
    read = values.of("input", column, body)

    def parse(row: dict[str, Any]) -> Parsed:
        return [{"input": read(row), "label": class_of(get(row, name), name)}]

    # Classes are kept as texts, and become whole numbers at the end where every one of them is one.
    return Plan(
        Labeled,
        parse,
        f"input {values.quoted(column, body)}, label '{label}'",
        id_column(sample),
        kinds=values.kinds({"input": TEXT, "label": TEXT}),
        columns={"input": column, "label": label},
        images=values.images,
    )


def plan_inputs(
    source: Source, sample: Sample, input: str | None = None, resize: Resize = None
) -> Plan:
    """A text, with its class where the source has a column of that name."""
    label = label_column(sample, [input])
    if label is not None:
        return plan_labeled(source, sample, input, label, resize)
    check_named(source, sample, [("--input", input)])
    column, body = _input(source, sample, input, None)
    values = Values(source, sample, resize)
    read = values.of("input", column, body)

    def parse(row: dict[str, Any]) -> Parsed:
        return [{"input": read(row)}]

    taken = f"input {values.quoted(column, body)}"
    kinds = values.kinds({"input": TEXT})
    return Plan(Inputs, parse, taken, id_column(sample), kinds=kinds, images=values.images)


def _input(
    source: Source, sample: Sample, input: str | None, label: str | None
) -> tuple[str, str | None]:
    if input is not None:
        return input, None
    texts, body = texts_and_body(sample, [label])
    return choose_text(source, sample, texts, INPUTS, "--input"), body


def _is_fraction(value: Any) -> bool:
    try:
        return not number_of(value, "").is_integer()
    except BadValueError:
        return False


def plan_ranked(
    source: Source,
    sample: Sample,
    query: str | None = None,
    candidates: str | None = None,
    relevance: str | None = None,
) -> Plan:
    """`query`, `candidates`, `relevance`; or `query`, `pos`, `neg` (with `pos_scores`, ...).

    The query may be named in either form, the other two are those of the first.
    """
    named = [("--query", query), ("--candidates", candidates), ("--relevance", relevance)]
    check_named(source, sample, named)
    asked = query or "query"
    lists = candidates is None and relevance is None and "pos" in sample and "neg" in sample
    texts, worths = candidates or "candidates", relevance or "relevance"
    names = [asked, "pos", "neg"] if lists else [asked, texts, worths]
    for name in names:
        if name not in sample:
            raise ColumnsError(
                f"{source.name}: no column '{name}'; columns found: {sample}; expected query, "
                "candidates and relevance, or query, pos and neg"
            )

    Values(source, sample).no_images(names[:2])

    def parse(row: dict[str, Any]) -> Parsed:
        text = text_of(get(row, asked), asked)
        if lists:
            offered, grades = [], []
            for name, worth in (("pos", 1.0), ("neg", 0.0)):
                found = (texts_of if name == "pos" else negatives_of)(get(row, name), name)
                scores = row.get(f"{name}_scores")
                offered += found
                grades += (
                    [worth] * len(found) if scores is None else numbers_of(scores, f"{name}_scores")
                )
        else:
            offered = texts_of(get(row, texts), texts)
            grades = numbers_of(get(row, worths), worths)
        if len(offered) != len(grades):
            raise BadValueError(
                f"found {len(offered)} candidates and {len(grades)} relevances; expected as many"
            )
        return [{"query": text, "candidates": offered, "relevance": grades}]

    taken = ", ".join(names)
    columns = None if lists else dict(zip(("query", "candidates", "relevance"), names, strict=True))
    return Plan(Ranked, parse, taken, id_column(sample), columns=columns)


def plan_texts(source: Source, sample: Sample) -> Plan:
    """Documents or queries of a BEIR folder: `_id`, `text`, maybe `title`; the rest is metadata."""
    identity = id_column(sample)
    if identity is None or "text" not in sample:
        raise ColumnsError(f"{source.name}: found the columns {sample}; expected _id and text")

    def parse(row: dict[str, Any]) -> Parsed:
        text = text_of(join_title(row.get("title"), get(row, "text")), "text")
        rest = dict(row.get("metadata") or {})
        for name, value in row.items():
            if name not in (identity, "text", "metadata") and value not in ("", None):
                rest[name] = value
        return [{"text": text, "metadata": json.dumps(rest) if rest else None}]

    return Plan(Texts, parse, "title and text", identity, metadata=True)
