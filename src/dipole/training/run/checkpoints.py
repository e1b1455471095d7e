"""Checkpoints that are either whole or not there."""

from __future__ import annotations

import errno
import io
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dipole.errors import RunError
from dipole.files import flush, remove_folder

_NAME = re.compile(r"step-(\d+)")
_STATE = "state.pt"


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
            flush(path)
        flush(temporary)
    except Exception as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if _is_full(error):
            raise RunError(f"{folder}: the disk is full; what was there before is kept") from None
        raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    temporary.rename(folder)
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """Finish a replacement that was killed between its two renames."""
    old = folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], *, keep: int = 2) -> Path:
    """Write `state` as FOLDER/step-N and drop all but the newest `keep`."""
    path = folder / f"step-{step:09d}"
    write_folder(path, lambda temporary: _save(state, temporary / _STATE))
    drop_checkpoints(folder, keep=keep)
    return path


def drop_checkpoints(folder: Path, *, keep: int) -> None:
    """Remove all checkpoints but the newest `keep`."""
    for stale in list_checkpoints(folder)[:-keep]:
        remove_folder(stale)


def list_checkpoints(folder: Path) -> list[Path]:
    """The folders named as checkpoints of a run, oldest first."""
    found = [(_NAME.fullmatch(path.name), path) for path in folder.glob("step-*")]
    return [path for _, path in sorted((int(m[1]), p) for m, p in found if m and p.is_dir())]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state of one checkpoint, on the CPU."""
    state: dict[str, Any] = torch.load(path / _STATE, map_location="cpu", weights_only=True)
    return state


def newest_whole(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that can be read, and a line for each newer one that is damaged."""
    for old in folder.glob(".step-*.old"):  # written again, and killed between two renames
        recover_folder(folder / old.name.removeprefix(".").removesuffix(".old"))
    notes: list[str] = []
    for path in reversed(list_checkpoints(folder)):
        reason = _damage(path)
        if reason is None:
            return path, notes
        notes.append(f"{path}: damaged ({reason}); going back to the one before")
    if notes:
        notes[-1] = notes[-1].replace("going back to the one before", "beginning again at step 0")
    return None, notes


def _damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, None if nothing is.

    torch reads a file with a flipped bit without a word; the checksums of the archive tell.
    """
    try:
        with zipfile.ZipFile(path / _STATE) as archive:
            bad = archive.testzip()
        if bad is not None:
            return f"wrong checksum of {bad}"
    except FileNotFoundError:
        return f"no {_STATE}"
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        return str(error).lower() or type(error).__name__
    return None


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


def _is_full(error: BaseException) -> bool:
    """Whether a disk, a quota or a file-size limit ended the write.

    safetensors wraps the system's error in its own, with the number in the message.
    """
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError):
        return error.errno in numbers
    return any(f"os error {number}" in str(error) for number in numbers)
