"""Where a command may write: asked before its work, so that nothing is lost at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from dipole.errors import InputError


def check_file(option: str, path: Path) -> None:
    """Raise InputError where no file can be written."""
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"{option} {path}: no folder {folder}; expected one that exists")
    if path.is_dir():
        raise InputError(f"{option} {path}: is a folder; expected a file")
    # The file is replaced, so it is the folder that has to allow it.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(
            f"{option} {path}: {folder} cannot be written to; expected a folder that can"
        )


def check_new_file(option: str, path: Path) -> None:
    """Raise InputError where no new file of this name can be made."""
    if path.exists():
        raise InputError(f"{option} {path}: exists; expected the name of a new file")
    check_file(option, path)


def check_not_data(option: str, path: Path, data: str | None) -> None:
    """Raise InputError where a file that is read would be replaced."""
    if data is not None and path.exists() and Path(data).exists() and path.samefile(data):
        raise InputError(f"{option} {path}: is the data; expected another file")


def check_place(option: str, path: Path) -> None:
    """Raise InputError where no folder of this name can be made, or written to if it is there."""
    path = path.expanduser()
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} {path}: is a file; expected a folder")
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not there.is_dir():
        raise InputError(f"{option} {path}: {there} is a file; expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"{option} {path}: {there} cannot be written to; expected a folder that can"
        )


def check_new_folder(option: str, path: Path) -> None:
    """Raise InputError where no new folder of this name can be made; an empty one counts as new."""
    is_new = path.name and (not path.exists() or (path.is_dir() and not any(path.iterdir())))
    if not is_new:
        raise InputError(f"{option} {path}: exists; expected a new folder")
    check_place(option, path)


def write_all(files: Sequence[tuple[Path, Callable[[Path], None]]]) -> None:
    """Write several files whole, all of them or none."""
    from dipole.files import replaced

    with ExitStack() as stack:
        for path, write in files:
            write(stack.enter_context(replaced(path)))
