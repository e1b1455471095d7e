"""Whether Python code that a model's folder brings along may run: only where a person said so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TRUSTED: ContextVar[bool] = ContextVar("code of model folders is trusted", default=False)


def code_is_trusted() -> bool:
    """Whether code of model folders may run in this context."""
    return _TRUSTED.get()


def trust_code(trusted: bool) -> None:
    """Say it for all that follows in this context; what the option `--trust-code` does."""
    _TRUSTED.set(trusted)


@contextmanager
def trusting_code(trusted: bool = True) -> Iterator[None]:
    """Say it for a block: models that are loaded in it may run code of their folders.

    Example:
        >>> with trusting_code():  # doctest: +SKIP
        ...     fit(encoder="someone/their-model", data="pairs.csv", out="runs/first")
    """
    before = _TRUSTED.set(trusted)
    try:
        yield
    finally:
        _TRUSTED.reset(before)
