"""Data that a function of one's own gives: `file.py:function`, `module:function`, or the name of an
installed one (entry points of the group `dipole.data`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from dipole.data.splits import check_whole
from dipole.errors import DipoleError, InputError
from dipole.lookup import find, is_place, plugins, reason

# What a function may ask for, by the name of its argument.
_SPLIT, _QUICK, _FOLD = ("split", "part"), "quick", "fold"
_EXPECTED = "a function of nothing, of (split) or of (split, quick)"
# What a study asks of every function that a training calls, those of its stages and sources too.
_STUDY: ContextVar[tuple[bool, int | None]] = ContextVar("study", default=(False, None))


@contextmanager
def in_study(*, quick: bool, fold: int | None) -> Iterator[None]:
    """Ask the functions that are called inside for few rows, and for a fold, where they take such
    arguments."""
    token = _STUDY.set((quick, fold))
    try:
        yield
    finally:
        _STUDY.reset(token)


def is_quick() -> bool:
    """Whether a quick run asks, which shows that a claim runs and needs no data and no model."""
    return _STUDY.get()[0]


def is_function(source: Any) -> bool:
    """Whether a source names code that gives the data."""
    if not isinstance(source, str) or "/" in source.rpartition(":")[2] or Path(source).exists():
        return False
    return is_place(source) or (source.isprintable() and source in plugins("data"))


def function_of(source: str) -> Callable[..., Any]:
    """The function that a source names.

    Raises InputError: no such file, module or function; one that wants other arguments.
    """
    found: Callable[..., Any] = find("data", source, {})
    for name, parameter in inspect.signature(found).parameters.items():
        is_ours = name in (*_SPLIT, _QUICK) and parameter.kind is not parameter.POSITIONAL_ONLY
        must = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD
        )  # fmt: skip
        if must and not is_ours:
            raise InputError(f"data: found '{source}', which takes '{name}'; expected {_EXPECTED}")
    return found


def has_parts(source: str) -> bool:
    """Whether the function can be asked for a split."""
    return bool(_taken(function_of(source)) & {*_SPLIT})


def takes_quick(source: str) -> bool:
    """Whether a source is a function that has few rows for a quick run."""
    return is_function(source) and _QUICK in _taken(function_of(source))


def takes_fold(source: str) -> bool:
    """Whether a source is a function of data in folds."""
    return is_function(source) and _FOLD in _taken(function_of(source))


def called(
    source: str,
    split: str,
    *,
    quick: bool = False,
    fold: int | None = None,
    whole: tuple[str, ...] = (),
) -> Any:
    """What the function gives for a split; of a study's fold, where the function has folds.

    Raises InputError: a split of a function that takes none; what goes wrong in the function, with
    its line.
    """
    function = function_of(source)
    names = _taken(function)
    if not names & {*_SPLIT}:
        check_whole(split, source, "a function", whole or ("train", "all"))
    asked: dict[str, Any] = {name: split for name in _SPLIT if name in names}
    of_study, fold_of_study = _STUDY.get()
    quick = quick or of_study
    if fold is None and _FOLD in names:
        fold = fold_of_study
    if fold is not None:
        if _FOLD not in names:
            raise InputError(f"data: found '{source}', which has no folds; expected (split, fold)")
        asked[_FOLD] = fold
    try:
        return function(**asked | ({_QUICK: quick} if _QUICK in names else {}))
    except DipoleError:
        raise
    except Exception as error:
        raise InputError(f"{source}: {reason(error, skip=1)}") from error


def _taken(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)
