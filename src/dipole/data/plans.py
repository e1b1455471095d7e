"""From a row of a source to examples of one type: the columns chosen, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    Examples,
    Inputs,
    Labeled,
    Pairs,
    Ranked,
    Scored,
    Texts,
    Triplets,
)
from dipole.data.fields import NUMBER, NUMBERS, TEXT, kind_of
from dipole.data.image_cells import Pictures
from dipole.data.names import INPUTS, POSITIVES, is_negative
from dipole.data.reading import Reading, Resize, check_resize, get, no_images, pictures_of
from dipole.data.rows import (
    BadValueError,
    Source,
    class_of,
    join_title,
    number_of,
    numbers_of,
    text_of,
)
from dipole.data.sample import ARRAY_LISTS, ARRAYS, CLASSES, IMAGES, LISTS, Sample
from dipole.data.sample import NUMBERS as NUMERIC
from dipole.data.sample import TEXT as TEXTUAL
from dipole.data.values import metadata_json

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
    images: Mapping[str, Pictures] = field(default_factory=dict)  # of the fields that are images


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
    no_images(source, sample, negatives)
    one_side = Reading.of(sample, anchor, body, source=source, resize=resize)
    other = Reading.of(sample, positive, body, source=source, resize=resize)
    check_resize(source, resize, one_side, other)
    listed = [replace(other, column=name, body=None, pictures=None) for name in negatives]

    def parse(row: dict[str, Any]) -> Parsed:
        fields: dict[str, Any] = {"anchor": one_side.one(row)}
        positives = other.several(row, fields["anchor"])
        if listed:
            fields["negatives"] = [
                value for each in listed for value in each.negatives(row, positives[0])
            ]
        return [{**fields, "positive": value} for value in positives]

    taken = f"anchor {one_side.quoted}, positive {other.quoted}"
    kinds = {"anchor": one_side.kind, "positive": other.kind}
    if negatives:
        kinds["negatives"] = kind_of(other.dtype, several=True)
        taken += f", negatives {', '.join(repr(name) for name in negatives)}"
    kind = Triplets if negatives else Pairs
    named_columns = {"anchor": anchor, "positive": positive}
    images = pictures_of(anchor=one_side, positive=other)
    return Plan(
        kind, parse, taken, id_column(sample), kinds=kinds, columns=named_columns, images=images
    )


def _negatives(sample: Sample) -> list[str]:
    held = (TEXTUAL, LISTS, CLASSES, ARRAYS, ARRAY_LISTS, IMAGES)  # images are then refused
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
    left = Reading.of(sample, first, body, source=source, resize=resize)
    right, number = Reading.of(sample, second, body, source=source, resize=resize), score
    check_resize(source, resize, left, right)

    def parse(row: dict[str, Any]) -> Parsed:
        worth = number_of(get(row, number), number)
        return [{"first": left.one(row), "second": right.one(row), "score": worth}]

    taken = f"first {left.quoted}, second {right.quoted}, score '{score}'"
    kinds = {"first": left.kind, "second": right.kind, "score": NUMBER}
    named = {"first": first, "second": second, "score": score}
    images = pictures_of(first=left, second=right)
    return Plan(Scored, parse, taken, id_column(sample), kinds=kinds, columns=named, images=images)


def plan_labeled(
    source: Source,
    sample: Sample,
    input: str | None = None,
    label: str | None = None,
    numbers: bool = False,
    resize: Resize = None,
) -> Plan:
    """A text and its class: `label`, `class` or `category`, else the last of two columns; with
    `numbers` a number in the place of the class."""
    check_named(source, sample, [("--input", input), ("--label", label)])
    label = label or choose_label(source, sample, [input])
    column, body = _input(source, sample, input, label)
    is_number = sample.kind(label) == NUMERIC and not numbers
    if is_number and any(_is_fraction(v) for v in sample.values(label)):
        raise ColumnsError(
            f"{source.name}: found numbers with fractions in '{label}', scores and no classes; "
            "expected whole numbers or names (or name the column: --label)"
        )
    read, name = Reading.of(sample, column, body, source=source, resize=resize), label
    check_resize(source, resize, read)

    def parse(row: dict[str, Any]) -> Parsed:
        value = class_of(get(row, name), name)
        return [{"input": read.one(row), "label": value}]

    # Classes are kept as texts, and become whole numbers at the end where every one of them is one.
    taken = f"input {read.quoted}, label '{label}'"
    kinds = {"input": read.kind, "label": TEXT}
    named = {"input": column, "label": label}
    images = pictures_of(input=read)
    return Plan(Labeled, parse, taken, id_column(sample), kinds=kinds, columns=named, images=images)


def plan_inputs(
    source: Source, sample: Sample, input: str | None = None, resize: Resize = None
) -> Plan:
    """A text, with its class where the source has a column of that name."""
    label = label_column(sample, [input])
    if label is not None and sample.values(label):
        return plan_labeled(source, sample, input, label, resize=resize)
    check_named(source, sample, [("--input", input)])
    column, body = _input(source, sample, input, label)
    read = Reading.of(sample, column, body, source=source, resize=resize)
    check_resize(source, resize, read)

    def parse(row: dict[str, Any]) -> Parsed:
        return [{"input": read.one(row)}]

    kinds, images = {"input": read.kind}, pictures_of(input=read)
    return Plan(
        Inputs, parse, f"input {read.quoted}", id_column(sample), kinds=kinds, images=images
    )


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

    no_images(source, sample, names[:3] if lists else names[:2])
    question = Reading.of(sample, asked)
    offer = Reading.of(sample, "pos" if lists else texts)

    def parse(row: dict[str, Any]) -> Parsed:
        value = question.one(row)
        if lists:
            offered, grades = [], []
            for name, worth in (("pos", 1.0), ("neg", 0.0)):
                found = replace(offer, column=name).each(row, may_be_empty=name == "neg")
                scores = row.get(f"{name}_scores")
                offered += found
                grades += (
                    [worth] * len(found) if scores is None else numbers_of(scores, f"{name}_scores")
                )
        else:
            offered = offer.each(row)
            grades = numbers_of(get(row, worths), worths)
        if len(offered) != len(grades):
            raise BadValueError(
                f"found {len(offered)} candidates and {len(grades)} relevances; expected as many"
            )
        return [{"query": value, "candidates": offered, "relevance": grades}]

    taken = ", ".join(names)
    kinds = {"query": kind_of(question.dtype), "candidates": kind_of(offer.dtype, several=True)}
    kinds["relevance"] = NUMBERS
    columns = None if lists else dict(zip(("query", "candidates", "relevance"), names, strict=True))
    return Plan(Ranked, parse, taken, id_column(sample), kinds=kinds, columns=columns)


def plan_texts(source: Source, sample: Sample) -> Plan:
    """Documents or queries of a BEIR folder: `_id`, `text`, maybe `title`; the rest is metadata."""
    identity = id_column(sample)
    if identity is None or "text" not in sample:
        raise ColumnsError(f"{source.name}: found the columns {sample}; expected _id and text")

    def parse(row: dict[str, Any]) -> Parsed:
        text = text_of(join_title(row.get("title"), get(row, "text")), "text")
        rest = {name: value for name, value in row.items() if name not in (identity, "text")}
        return [{"text": text, "metadata": metadata_json(rest)}]

    kinds = {"text": TEXT}
    return Plan(Texts, parse, "title and text", identity, metadata=True, kinds=kinds)
