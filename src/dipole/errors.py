"""Errors that a person made and can mend, and notes: one line each, no traceback."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

from dipole.showing import plain, say


class DipoleError(Exception):
    """Something the user can mend; the message is one line: what, where, what was expected."""

    exit_code = 2

    def __init__(self, message: object = "") -> None:
        super().__init__(plain(message))  # it may quote anything that a file holds


class InputError(DipoleError, ValueError):
    """Bad input: a file, a column, an option or an argument."""


class RunError(DipoleError):
    """A run that could not go on (disk full, non-finite loss); the message says how to go on."""

    exit_code = 1


@functools.cache
def note(line: str) -> None:
    """Say a line on stderr, once a process: what was done otherwise than one might think."""
    say(f"note: {line}", error=True)


def optional(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra installs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise DipoleError(
            f"{module.split('.')[0]} is not installed; expected: pip install 'dipole[{extra}]'"
        ) from None
