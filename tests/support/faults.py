"""A process that dies at the n-th thing it does to the disk, without a process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

# What changes names on a disk, and the moment before which a file may be half written.
CALLS = ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync")


class Died(BaseException):
    """The process is gone; no handler of Exception may stop it."""


@contextlib.contextmanager
def dies_at(number: int) -> Iterator[Callable[[], int]]:
    """The `number`-th of `CALLS` raises, and every one after it: what follows a kill is nothing.

    Gives a function that says how many there were.
    """
    left = [number]

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                raise Died
            return call(*args, **kwargs)

        return run

    with mock.patch.multiple(os, **{name: dying(getattr(os, name)) for name in CALLS}):
        yield lambda: number - left[0]


def every_death(
    work: Callable[[str], Any],
    check: Callable[[str], Any],
    *,
    prepare: Callable[[str], Any] = lambda name: None,
    last: int | None = None,
) -> int:
    """Let `work(name)` die at each of its calls, and `check(name)` what is left every time.

    prepare: makes what a work needs before it begins. last: of a long work, die at each of so
    many calls at its end, and at every fifth before. Returns how many deaths there were.
    """
    prepare("counted")
    with dies_at(10**9) as calls:
        work("counted")
        total = calls()
    rare = 0 if last is None else total - last
    for number in range(1, total + 1):
        if number < rare and number % 5:
            continue
        name = f"died-{number}"
        prepare(name)
        with contextlib.suppress(Died), dies_at(number):
            work(name)
        check(name)
    return total
