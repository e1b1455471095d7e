"""Which device models compute on: this module decides, and nothing else asks for a GPU.

The first that says something: `--device` (or `on_device` in Python), the environment variable
`DIPOLE_DEVICE`, and else the GPU if there is one, the CPU if not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from dipole.errors import InputError

if TYPE_CHECKING:
    import torch

VARIABLE = "DIPOLE_DEVICE"
_NAME = re.compile(r"([a-z]+)(?::(\d+))?")


class _Asked(NamedTuple):
    """The names of devices with commas between, and where the user wrote them."""

    names: str
    where: str


_ASKED: ContextVar[_Asked | None] = ContextVar("device", default=None)


def device() -> torch.device:
    """The device that models are loaded on and that a training runs on.

    Of several processes of one training each has the GPU of its number on its machine.

    Raises:
        InputError: the one asked for is not there, or several were asked for, or one GPU by its
            number for several processes.

    Example:
        >>> with on_device("cpu"):
        ...     device()
        device(type='cpu')
    """
    asked = _asked()
    names = asked.names.split(",")
    if len(names) > 1:
        raise InputError(
            f"{asked.where}: found {len(names)} devices, {asked.names}; expected one (only dipole "
            "encode uses several)"
        )
    found = _named(names[0], asked.where)
    if found.type == "cpu" or (rank := _local_rank()) is None:
        return found
    if ":" in names[0]:
        raise InputError(
            f"{asked.where}: found one GPU for several processes, which take one each; expected no "
            "number (CUDA_VISIBLE_DEVICES chooses among the GPUs)"
        )
    gpus = _gpus()
    assert gpus is not None
    return type(found)(found.type, rank % gpus[1])


def devices() -> list[torch.device]:
    """The devices that `dipole encode` spreads its work over, one worker each.

    `cuda:0,cuda:1` are two; `cuda` is every GPU; `cpu,cpu` are two workers on the CPU. If nothing
    was asked for, it is the one of `device`.
    """
    import torch

    asked = _asked()
    names = [name.strip() for name in asked.names.split(",")]
    found = [_named(name, asked.where) for name in names]
    gpus = _gpus()
    if len(found) == 1 and gpus is not None and names == [gpus[0]]:
        return [torch.device(gpus[0], number) for number in range(gpus[1])]
    for one in found:
        if one.type != "cpu" and found.count(one) > 1:
            raise InputError(f"{asked.where}: found {one} twice; expected every GPU once")
    return found


def named(name: str | torch.device) -> torch.device:
    """The device of this name, as `load_encoder(..., device=...)` is given it."""
    return _named(str(name), f"device {name}")


@contextmanager
def on_device(names: str) -> Iterator[None]:
    """Compute on this device in a block: models loaded in it, and trainings.

    Args:
        names: "auto", "cpu", "cuda", "cuda:1", "mps" ...

    Raises:
        InputError: there is no such device.

    Example:
        >>> with on_device("cpu"):  # doctest: +SKIP
        ...     run = dipole.fit("pairs.csv", out="runs/first")
    """
    asked = _Asked(names, f"device {names}")
    for name in names.split(","):
        _named(name.strip(), asked.where)
    before = _ASKED.set(asked)
    try:
        yield
    finally:
        _ASKED.reset(before)


def use_device(names: str | None) -> None:
    """Say it for all that follows in this context; what the option `--device` does."""
    _ASKED.set(None if names is None else _Asked(names, f"--device {names}"))


def environment() -> dict[str, str]:
    """What a process that this one starts needs to compute on the same device."""
    asked = _ASKED.get()
    return {} if asked is None else {VARIABLE: asked.names}


def _local_rank() -> int | None:
    """The number of this process on its machine, if a launcher started several."""
    alone = int(os.environ.get("WORLD_SIZE", "1")) < 2
    return None if alone else int(os.environ.get("LOCAL_RANK", "0"))


def _asked() -> _Asked:
    if (asked := _ASKED.get()) is not None:
        return asked
    names = os.environ.get(VARIABLE, "").strip() or "auto"
    return _Asked(names, f"{VARIABLE}={names}")


def _gpus() -> tuple[str, int] | None:
    """The kind of accelerator here ("cuda", "mps", "xpu"), and how many there are."""
    import torch

    # Only this function says whether one is there: `current_accelerator` also names the one that
    # torch was built for.
    if not torch.accelerator.is_available() or not torch.accelerator.device_count():
        return None
    return str(torch.accelerator.current_accelerator()).partition(":")[0], (
        torch.accelerator.device_count()
    )


def _named(name: str, where: str) -> torch.device:
    import torch

    gpus = _gpus()
    if name == "auto":
        return torch.device("cpu" if gpus is None else gpus[0])
    said = _NAME.fullmatch(name)
    kind, number = said.groups() if said else (None, None)
    if kind == "cpu" and number is None:
        return torch.device("cpu")
    if gpus is not None and kind == gpus[0] and int(number or 0) < gpus[1]:
        return torch.device(name)
    if not name:
        raise InputError(f"{where.strip()}: found no name; expected {_there(gpus)}")
    raise InputError(f"{where}: found no {name} here; expected {_there(gpus)}")


def _there(gpus: tuple[str, int] | None) -> str:
    """What may be said on this machine."""
    if gpus is None:
        return "cpu or auto, as torch sees no GPU"
    kind, count = gpus
    last = f"{kind}:0" if count == 1 else f"{kind}:0 to {kind}:{count - 1}"
    return f"cpu, {kind}, {last}, or auto"
