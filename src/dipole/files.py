"""Files that are whole or not there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{12}\.new(\..*)?")


@contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """`with replaced(path) as new: ...` writes the file `new`, which becomes `path` at the end.

    Whoever reads, and whatever is killed or fails, `path` is the old file or the new one. `new`
    lies beside `path` and ends alike, for libraries that look at the end of a name. A link is
    followed.

    Raises OSError as the system does; `path` is then as it was.
    """
    final = Path(os.path.realpath(path))
    new = _beside(final)
    try:
        yield new
        flush(new)
        os.replace(new, final)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    flush(final.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder, which has its name with all that is in it or not at all."""
    gone = _beside(folder)
    with suppress(FileNotFoundError):
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder in `folder`, which is gone afterwards."""
    new = _beside(folder / "scratch")
    new.mkdir(parents=True)
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed calls of the functions above left; for the only writer."""
    for path in folder.glob(".*"):
        if _UNFINISHED.fullmatch(path.name):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8, lines end in \\n) whole or not at all."""
    with replaced(path) as new:
        new.write_text(text, encoding="utf-8", newline="\n")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{uuid4().hex[:12]}.new{path.suffix}")


def flush(path: Path) -> None:
    """Have a file or a folder on the disk, as far as the system can tell."""
    if sys.platform == "win32" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
