"""The kinds of data that a training may want, and the check that it is given one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.data import Examples

Kind = Literal[
    "texts", "images", "pairs", "image-text", "modalities", "triplets", "graded", "labelled",
    "labelled-images", "numbered", "lists", "preferences",
]  # fmt: skip


class Form(NamedTuple):
    """How examples of a kind look: their class, what is in a row, and how a user names it."""

    of: str
    holds: str
    option: str
    columns: tuple[str, ...]


KINDS: dict[Kind, Form] = {
    "texts": Form("Inputs", "a text without a partner", "--anchor COLUMN", ("anchor",)),
    "images": Form("Inputs", "an image without a partner", "a folder of images", ("anchor",)),
    "pairs": Form(
        "Pairs", "two inputs that belong together", "--anchor and --positive",
        ("anchor", "positive"),
    ),
    "image-text": Form(
        "Pairs", "an image and its text", "--anchor and --positive", ("anchor", "positive")
    ),
    "modalities": Form(
        "Bundles", "several inputs that belong together", "--anchor A --positive B,C",
        ("anchor", "positive"),
    ),
    "triplets": Form(
        "Triplets", "two inputs that belong together, and hard negatives", "--negative COLUMN",
        ("anchor", "positive", "negative"),
    ),
    "graded": Form(
        "Scored", "two inputs and how alike they are", "--score COLUMN",
        ("anchor", "positive", "score"),
    ),
    "labelled": Form("Labeled", "an input and its class", "--label COLUMN", ("anchor", "label")),
    "labelled-images": Form(
        "Labeled", "an image and its class", "a folder with a folder of images for each class",
        ("anchor", "label"),
    ),
    "numbered": Form(
        "Labeled", "an input and a number", "--label COLUMN of numbers", ("anchor", "label")
    ),
    "lists": Form(
        "Ranked", "a query, candidates and the relevance of each",
        "columns query, candidates and relevance, or query, pos and neg",
        ("anchor", "positive", "score"),
    ),
    "preferences": Form(
        "Preferences", "a prompt and answers to it, chosen and rejected or rated",
        "columns prompt, chosen and rejected, or prompt, response and score",
        ("anchor", "positive", "negative", "score", "label"),
    ),
}  # fmt: skip

# What examples of a class may be beside it.
_ALSO = {"Pairs": "Triplets", "Inputs": "Labeled"}


def check_kind(wants: Sequence[Kind], examples: Examples) -> None:
    """Raise InputError where examples are of none of the kinds that are wanted; any will do if none
    is named."""
    if not wants or any(_is(kind, examples) for kind in wants):
        return
    raise InputError(
        f"data: found {kind_of(examples)} ({examples.origin}); wanted {_wanted(wants)}"
    )


def numbers_of(labels: Iterable[Any]) -> list[float] | None:
    """Labels as numbers, if every label is a number.

    >>> numbers_of(["0.5", 2]), numbers_of(["0.5", "red"])
    ([0.5, 2.0], None)
    """
    try:
        found = [float(label) for label in labels]
    except (TypeError, ValueError):
        return None
    return found if all(map(isfinite, found)) else None


def _wanted(wants: Sequence[Kind]) -> str:
    return "; or ".join(f"{kind} ({KINDS[kind].holds}: {KINDS[kind].option})" for kind in wants)


def _is(kind: Kind, examples: Examples) -> bool:
    """Whether examples are of a kind; triplets are pairs too, and labelled inputs are inputs."""
    of = KINDS[kind].of
    if not _are(of, examples) and not (of in _ALSO and _are(_ALSO[of], examples)):
        return False
    sides = [field for field in ("input", "anchor", "positive") if field in examples.FIELDS]
    texts = [isinstance(examples.column(field)[0], str) for field in sides if len(examples)]
    if kind == "numbered":
        return numbers_of(examples.column("label")) is not None
    if kind == "texts":
        return all(texts)
    if kind in ("images", "labelled-images"):
        return not any(texts)
    if kind == "image-text":
        return len(set(texts)) == 2
    return True


def kind_of(examples: Examples) -> Kind:
    """The most particular kind that the examples are of."""
    own = [kind for kind in KINDS if _are(KINDS[kind].of, examples)]
    kinds: list[Kind] = [kind for kind in own if kind != "pairs" and _is(kind, examples)]
    return kinds[0] if kinds else "pairs"


def _are(of: str, examples: Examples) -> bool:
    from dipole import data  # with Arrow, which no help page needs

    return isinstance(examples, getattr(data, of))
