"""Checkpoints that are either whole or not there."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dipole.errors import RunError

_PREFIX = "step-"


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Fill `folder` through `write(temporary)`; a reader sees the old one, then the new one.

    Everything is on the disk before the name changes, so that a kill or a power cut at any moment
    leaves a whole folder. A disk that is full leaves the old one and says so.
    """
    temporary = folder.with_name(f".{folder.name}.new")
    old = folder.with_name(f".{folder.name}.old")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        write(temporary)
        for path in sorted(temporary.rglob("*")):
            _flush(path)
        _flush(temporary)
    except Exception as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if _is_full(error):
            raise RunError(f"{folder}: the disk is full; what was there before is kept") from None
        raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Finish a replacement that was killed between its two renames."""
    old = folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], *, keep: int = 2) -> Path:
    """Write `state` as FOLDER/step-N and drop all but the newest `keep`."""
    path = folder / f"{_PREFIX}{step:09d}"
    write_folder(path, lambda temporary: _save(state, temporary / "state.pt"))
    for stale in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(stale, ignore_errors=True)
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    return sorted(folder.glob(f"{_PREFIX}*"))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state of one checkpoint, on the CPU."""
    state: dict[str, Any] = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
    return state


class _Writer(io.FileIO):
    """Remembers the system's error, which torch turns into one of its own without a cause."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            self.error = error
            raise


def _save(state: dict[str, Any], path: Path) -> None:
    with _Writer(path, "wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError:
            raise (file.error or RuntimeError(f"{path}: not written")) from None


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_full(error: BaseException) -> bool:
    """Whether a disk, a quota or a file-size limit ended the write.

    safetensors wraps the system's error in its own, with the number in the message.
    """
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError):
        return error.errno in numbers
    return any(f"os error {number}" in str(error) for number in numbers)
