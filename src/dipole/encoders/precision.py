"""float32 or bfloat16: which one a device computes faster, and computing in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from dipole.errors import InputError

Precision = Literal["auto", "float32", "bfloat16"]


@contextmanager
def at_precision(device: torch.device, precision: Precision) -> Iterator[None]:
    """Matrix products in the given precision inside this context, whatever surrounds it.

    bfloat16 is autocast: matrix products take and give bfloat16, residual sums, layer norms and
    the weights themselves stay float32.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise InputError(f"dtype is {precision!r}; expected 'auto', 'float32' or 'bfloat16'")
    half = precision == "bfloat16" or (precision == "auto" and bfloat16_is_faster(device.type))
    # Inside someone else's autocast the cache of cast weights is theirs: a copy made here, without
    # gradient, would be used by their training step.
    nested = torch.is_autocast_enabled(device.type)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half, cache_enabled=not nested):
        yield


# What was measured, or settled, by type of device.
_FASTER: dict[str, bool] = {}


def bfloat16_is_faster(device_type: str) -> bool:
    """Whether bfloat16 matrix products are faster here; measured once per process on a CPU."""
    if device_type not in _FASTER:
        _FASTER[device_type] = _is_faster(device_type)
    return _FASTER[device_type]


def settle(device_type: str, faster: bool) -> None:
    """Say it for this process: several of one training must not each believe their own clock."""
    _FASTER[device_type] = faster


def _is_faster(device_type: str) -> bool:
    """By the clock, on a CPU: one without the instructions emulates them, and loses.

    A third faster is asked for, which native instructions pass by far.
    """
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type != "cpu":
        return False
    seconds = {}
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            a, b = torch.ones(512, 384, dtype=dtype), torch.ones(384, 384, dtype=dtype)
            seconds[dtype] = min(_seconds(a, b) for _ in range(8))
    return seconds[torch.bfloat16] * 1.33 < seconds[torch.float32]


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    start = time.perf_counter()
    a @ b
    return time.perf_counter() - start
