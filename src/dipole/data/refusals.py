"""Arguments that would do nothing for the data at hand: refused in one line, never ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dipole.data.examples import Examples
from dipole.data.retrieval import RetrievalData
from dipole.data.rows import shown
from dipole.data.splits import WHOLE
from dipole.errors import InputError


class NotResizedError(InputError):
    """A size of images was given for what has none to be made of that size."""


def check_given(
    source: Any,
    split: str,
    resize: int | str | Sequence[int] | None = None,
    whole: tuple[str, ...] = WHOLE,
) -> None:
    """Examples that are handed over are what they are: no split of them, no other size."""
    if isinstance(source, (Examples, RetrievalData)):
        name = source.origin or type(source).__name__
        if split not in whole:
            raise InputError(
                f"{name}: found split='{split}' for examples in memory, which have no splits; "
                f"expected {' or '.join(map(repr, whole))}, or the examples of that split"
            )
        if resize is not None:
            raise NotResizedError(
                f"{name}: found resize={resize!r} for examples in memory; expected none, or their "
                "images in that size"
            )


def no_resize(place: object, resize: object) -> None:
    """A size of images is refused where there are texts by their name."""
    if resize is not None:
        raise NotResizedError(
            f"{place}: found resize={resize!r} for a data set of texts; expected none"
        )


def no_columns(place: object, named: dict[str, Any]) -> None:
    """A column that is named where there are none to choose from is an error, not ignored.

    The field's own name is the column that there is.
    """
    for name, column in named.items():
        if column not in (None, name):
            raise InputError(
                f"{place}: found {name}={shown(column)} for data whose columns are known; "
                f"expected no {name}"
            )


def one_size_already(name: str, resize: object) -> NotResizedError:
    """The error for a new size of images that need none."""
    return NotResizedError(
        f"{name}: found resize={resize!r} for images of one size; expected none (an encoder's "
        "option `size` makes them smaller)"
    )
