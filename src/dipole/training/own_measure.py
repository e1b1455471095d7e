"""A validation measure of one's own: a function of (encoder, examples), higher is better."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dipole.data import Examples
from dipole.errors import InputError
from dipole.lookup import find, reason
from dipole.training.formats import PYTHON, given_again

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

SETTING = "validation_measure"
# (encoder, validation examples) -> a number, or several by name, the first of which decides.
OwnMeasure = Callable[["Encoder", Examples], float | Mapping[str, float]]


def measure_named(given: str | OwnMeasure) -> tuple[str, OwnMeasure]:
    """The name of a measure and the function: one of Python, `file.py:function`,
    `module:function`, or an entry point of `dipole.validation_measures`.

    Raises InputError: no such function, or one that does not take two arguments.
    """
    given_again(SETTING, given, f"fit({SETTING}=...)")
    found: OwnMeasure = find(SETTING, given, {}, others=_OWN) if isinstance(given, str) else given
    name = given.rpartition(":")[2] if isinstance(given, str) else name_of(given)
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        raise InputError(
            f"{SETTING}: {name}{inspect.signature(found)} does not take two arguments; expected a "
            "function of (encoder, examples)"
        ) from None
    except ValueError:  # of C, without a signature
        pass
    return name, found


def own_validation(
    given: str | OwnMeasure, examples: Examples
) -> tuple[str, Callable[[Encoder], float | Mapping[str, float]]]:
    """The measure as a training takes it; what it gives is checked."""
    name, function = measure_named(given)

    def measure(encoder: Encoder) -> float | Mapping[str, float]:
        try:
            found = function(encoder, examples)
        except Exception as error:
            if isinstance(error, InputError) or not isinstance(given, str):
                raise  # of Python, which shows where
            raise InputError(f"{SETTING}: {given}: {reason(error, skip=1)}") from error
        if not isinstance(found, Mapping):
            return _number(name, found)
        if not found:
            raise InputError(f"{SETTING}: {name} gave no number; expected at least one")
        numbers = {str(key): _number(f"{name}, {key},", value) for key, value in found.items()}
        return {name: next(iter(numbers.values())), **numbers}

    return name, measure


def name_of(function: Any) -> str:
    """What a function of Python is called, also where it is stored."""
    name = getattr(function, "__name__", type(function).__name__)
    return "own measure" if name == "<lambda>" else str(name)


def stored(given: Any) -> Any:
    """What config.yaml says of it."""
    return given if given is None or isinstance(given, str) else PYTHON + name_of(given)


_OWN = "one of your own, as file.py:function"


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number or number in (float("inf"), float("-inf")):
        raise InputError(f"{SETTING}: {name} gave {value!r}; expected a finite number")
    return number
