"""One process does it, the others wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def everyone() -> Iterator[bool]:
    """Whether this is the main process; all have arrived before, and wait for it after."""
    import torch
    from accelerate import PartialState

    # Without this accelerate overlooks several processes on CPUs.
    state = PartialState(cpu=not torch.accelerator.is_available())
    state.wait_for_everyone()
    yield state.is_main_process
    state.wait_for_everyone()
