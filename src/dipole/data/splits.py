"""Splits by name: which parts of a source are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from dipole.errors import InputError

# Names of folders that are splits; those of one row mean the same where a source has one of them.
SAME = (("train", "training"), ("validation", "val", "valid", "dev"), ("test", "testing"))
SPLITS = frozenset(name for names in SAME for name in names)
# For a source without splits these mean all of it.
WHOLE = ("train", "all")


def chosen_splits(split: str, found: Iterable[str], source: str) -> list[str]:
    """The names, as the source has them, of "a", "a+b" or "all".

    >>> chosen_splits("train+validation", ["train", "dev", "test"], "data")
    ['train', 'dev']

    Raises InputError: a split that is not there, or one asked for twice.
    """
    names = list(found)
    if split == "all" and split not in names:
        return names
    chosen: list[str] = []
    for part in split.split("+"):
        same = next((row for row in SAME if part in row), ())
        others = [name for name in names if name in same]
        if part not in names and len(others) != 1:
            raise InputError(
                f"{source}: no split '{part}'; splits found: {', '.join(names) or 'none'}"
            )
        chosen.append(part if part in names else others[0])
        if chosen[-1] in chosen[:-1]:
            raise InputError(f"{source}: found the split '{part}' twice in '{split}'")
    return chosen


def check_whole(split: str, source: object, what: str, whole: tuple[str, ...] = WHOLE) -> None:
    """Raise InputError where a part is asked for of something that has no parts."""
    if split not in whole:
        raise InputError(
            f"{source}: found split='{split}' for {what}, which has no splits; "
            f"expected {' or '.join(map(repr, whole))} (or give the {what.split()[-1]} of that "
            "split)"
        )
