"""One process does it, the others wait; all learn how it went."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from dipole.devices import device
from dipole.errors import DipoleError, InputError, RunError
from dipole.files import sweep
from dipole.lock import LOCK, Lock

_PATIENCE = timedelta(hours=24)
_Found = TypeVar("_Found")


def together(work: Callable[[], _Found]) -> _Found:
    """What `work` gives on the main process, on every process; so is the error that it raises.

    All have arrived before. What it gives is pickled. Without other processes it is simply called.
    """
    if is_alone():
        return work()
    from accelerate.utils import broadcast_object_list

    _state().wait_for_everyone()
    box: list[Any] = [None, None]
    if _state().is_main_process:
        try:
            box[0] = work()
        except DipoleError as error:
            box[1] = error
        except Exception as error:  # not ours, but the others must not wait for ever
            box[1] = RunError(f"the main process: {type(error).__name__}: {error}")
            broadcast_object_list(box)
            raise
    broadcast_object_list(box)
    if box[1] is not None:
        raise box[1]
    found: _Found = box[0]
    return found


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Be the only training in a folder; the main process holds the lock for all of its run.

    Raises RunError, on every process, where another training is at work there.
    """
    lock = Lock(folder / LOCK, f"{folder}: another training")

    def take() -> None:
        lock.__enter__()
        sweep(folder)

    together(take)
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def alike(what: str, value: Callable[[], str]) -> None:
    """InputError, on every process, where one has another value than the main process."""
    if is_alone():
        return
    from accelerate.utils import gather_object

    _state()
    found = gather_object([value()])
    others = [rank for rank, other in enumerate(found) if other != found[0]]
    if others:
        raise InputError(
            f"{what}: found others on process {others[0]} of {len(found)} than on process 0; "
            "expected the same files and the same versions of libraries on every machine"
        )


def is_main() -> bool:
    """Whether this is the process that speaks and cleans up, also before any is set up."""
    return os.environ.get("RANK", "0") == "0"


def is_alone() -> bool:
    """Whether no launcher started several processes; says so without importing torch."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return False
    distributed = sys.modules.get("torch.distributed")
    return not (distributed and distributed.is_initialized() and distributed.get_world_size() > 1)


def on_cpu() -> bool:
    """Whether a training runs on the CPU, which accelerate is to be told: by itself it overlooks
    several processes there. A GPU that was asked for by its number becomes the current one, which
    is the one that accelerate takes."""
    found = device()
    if found.index is not None and is_alone():
        import torch

        torch.get_device_module(found).set_device(found)
    return found.type == "cpu"


def _state() -> Any:
    from accelerate import PartialState

    # Others wait as long as the main process measures, encodes or mines for all.
    return PartialState(cpu=on_cpu(), **({"timeout": _PATIENCE} if not is_alone() else {}))
