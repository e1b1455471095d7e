"""Which kind of data a source is, found out by the readers that a training uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dipole.data import (
    Examples,
    Labeled,
    load_bundles,
    load_inputs,
    load_labeled,
    load_pairs,
    load_ranked,
    load_scored,
)
from dipole.data.columns import ColumnsError
from dipole.data.images import is_image_source
from dipole.data.memory import is_held
from dipole.data.named import NAMED, locate
from dipole.data.peeking import columns_among
from dipole.errors import InputError
from dipole.training.examples import in_options
from dipole.training.kinds import numbers_of

_LISTS = ("query", "candidates", "relevance")
# Labels that are whole numbers are a quantity if there are more of them than classes usually are.
_MOST_CLASSES = 50


@dataclass(frozen=True)
class Named:
    """The columns and the part of a source that the user named, and the size of its images."""

    anchor: str | None = None
    positive: str | None = None
    negative: tuple[str, ...] = ()
    score: str | None = None
    label: str | None = None
    split: str = "train"
    resize: str | None = None

    def columns(self) -> list[str]:
        """The columns that were named."""
        sides = (self.anchor, *(self.positive or "").split(","), self.score, self.label)
        return [name.strip() for name in (*sides, *self.negative) if name and name.strip()]

    def options(self) -> list[str]:
        """The same as options of `dipole train`."""
        found: list[str] = []
        for name in ("anchor", "positive", "score", "label", "resize"):
            if (value := getattr(self, name)) is not None:
                found += [f"--{name}", value]
        for column in self.negative:
            found += ["--negative", column]
        return found + (["--split", self.split] if self.split != "train" else [])


def read(source: str, named: Named) -> Examples:
    """The examples that a source holds, of the most particular kind that its columns allow.

    Raises InputError, one line, for what no reader takes, and where columns have to be named.
    """
    try:
        return _read(source, named)
    except InputError as error:
        raise type(error)(in_options(str(error))) from None


def _read(source: str, named: Named) -> Examples:
    rows: dict[str, Any] = {"split": named.split}
    sized = rows | {"resize": named.resize}
    _check_together(named)
    if named.label is not None:
        return _labelled(source, named, sized)
    if named.score is not None:
        return load_scored(
            source, first=named.anchor, second=named.positive, score=named.score, **sized
        )
    if named.positive is not None and "," in named.positive:
        others = [name.strip() for name in named.positive.split(",") if name.strip()]
        return load_bundles(source, first=named.anchor, others=others, **sized)
    place = None if is_held(source) else locate(source)
    kind = NAMED[place].kind if isinstance(place, str) and place in NAMED else ""
    if kind == "labeled" or is_image_source(source):
        return load_inputs(source, input=named.anchor, **sized)
    if kind == "scored":
        return load_scored(source, **sized)
    has_lists = set(columns_among(source, named.split, _LISTS)) == set(_LISTS)
    has_scores = columns_among(source, named.split, ("pos_scores", "neg_scores"))
    if named == Named(split=named.split, resize=named.resize) and (has_lists or has_scores):
        return load_ranked(source, **rows)
    try:
        return load_pairs(
            source, anchor=named.anchor, positive=named.positive,
            negative=list(named.negative) or None, **sized,
        )  # fmt: skip
    except ColumnsError as error:
        if named.positive is not None or named.negative:
            raise
        if error.kind == "texts":
            return load_inputs(source, input=named.anchor, **sized)
        if error.kind == "scored":
            return load_scored(source, first=named.anchor, **sized)
        if error.kind == "labelled":
            return _labelled(source, named, sized)
        raise


def _labelled(source: str, named: Named, rows: dict[str, Any]) -> Labeled:
    """Inputs and their labels: classes, or numbers that may have fractions."""
    return load_labeled(source, input=named.anchor, label=named.label, numbers=True, **rows)


def is_quantity(examples: Labeled) -> bool:
    """Whether labels are numbers with fractions, or more whole numbers than there are classes."""
    values = numbers_of(examples.column("label"))
    if values is None:
        return False
    different = set(values)
    whole = all(value.is_integer() for value in different)
    return not whole or (len(different) > _MOST_CLASSES and 10 * len(different) > len(values))


def _check_together(named: Named) -> None:
    for one, others in (("label", ("positive", "score")), ("score", ())):
        for other in others:
            if getattr(named, one) is not None and getattr(named, other) is not None:
                raise InputError(f"--{other}: found beside --{one}; expected one of the two")
        if getattr(named, one) is not None and named.negative:
            raise InputError(f"--negative: found beside --{one}; expected one of the two")
