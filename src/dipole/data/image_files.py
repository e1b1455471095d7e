"""Folders and zip files of images: which files are there, of which class, in which split."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dipole.data.rows import BadValueError, shown
from dipole.data.splits import SPLITS
from dipole.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
# Bytes of one file, before it is decoded.
LARGEST = 2**28
# Members of a zip file, and how many times larger than itself it may become.
_MEMBERS, _GROWTH = 2**22, 100


@dataclass(frozen=True)
class ClassFolders:
    """The images of a folder or zip file: (name, class) by split; one split '' where it has none.

    The class is None for an image in no class folder. `passed` counts by suffix what is no image.
    """

    files: dict[str, list[tuple[str, str | None]]]
    read: Callable[[str], bytes]
    passed: Counter[str] = field(default_factory=Counter)

    @property
    def splits(self) -> list[str]:
        """The names of the splits; none where all of it is one."""
        return [split for split in self.files if split]


@contextmanager
def class_folders(path: Path) -> Iterator[ClassFolders]:
    """The images below a folder or in a zip file: CLASS/FILE or SPLIT/CLASS/FILE.

    A folder around all of that is passed over, as are hidden files and `__MACOSX`. Files are read
    where `read` asks for them; a BadValueError says why one cannot be.
    """
    passed: Counter[str] = Counter()
    if path.is_dir():
        names = list(images_below(path, passed))
        yield ClassFolders(_sorted_out(names, path), lambda name: file_bytes(path / name), passed)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path, passed)
            names = sorted(members)
            yield ClassFolders(
                _sorted_out(names, path), lambda name: _member(archive, members[name]), passed
            )
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path}: found no readable zip file ({error})") from None


def _sorted_out(names: Sequence[str], path: Path) -> dict[str, list[tuple[str, str | None]]]:
    """Splits and classes from the folders of the files."""
    parts = {name: PurePosixPath(name).parts for name in names}
    around = 0  # folders that hold everything
    while (
        names
        and len(tops := {part[around] for part in parts.values()}) == 1
        and not tops <= SPLITS
        and all(len(part) > around + 2 for part in parts.values())
    ):
        around += 1
    tops = {part[around] for part in parts.values() if len(part) > around + 1}
    deep = {part[around] for part in parts.values() if len(part) > around + 2}
    found: dict[str, list[tuple[str, str | None]]] = {}
    in_splits = bool(tops) and all(top.lower() in SPLITS for top in tops)
    if not in_splits and any(top.lower() in SPLITS for top in deep):
        split = next(top for top in sorted(deep) if top.lower() in SPLITS)
        other = next(top for top in sorted(tops) if top.lower() not in SPLITS)
        raise InputError(
            f"{path}: found the split {split}/ beside {shown(other)}; expected splits (train/, "
            "validation/, test/) or classes, not both"
        )
    for name, part in parts.items():
        inside = part[around:]
        if in_splits and len(inside) == 1:
            raise InputError(f"{path}: found the image {name} in none of the splits beside it")
        split = inside[0].lower() if in_splits else ""
        inside = inside[1:] if in_splits else inside
        if len(inside) > 2:
            raise InputError(
                f"{path}: found the image {name} in a folder of a folder; expected CLASS/FILE or "
                "SPLIT/CLASS/FILE (SPLIT: train, validation, test)"
            )
        found.setdefault(split, []).append((name, inside[0] if len(inside) == 2 else None))
    return found


def images_below(folder: Path, passed: Counter[str] | None = None) -> Iterator[str]:
    """The names of the images below a folder, from it on, sorted folder by folder: hidden ones left
    out, links followed; what is no image is counted by suffix in `passed`."""
    return _below(folder, folder, frozenset(), Counter() if passed is None else passed)


def _below(
    folder: Path, root: Path, above: frozenset[tuple[int, int]], passed: Counter[str]
) -> Iterator[str]:
    """The same of one folder; a folder named `x.png` is among them."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from None
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise InputError(f"{folder}: found a link to a folder above it; expected no loop")
    for entry in entries:
        if _is_hidden(entry.name):
            continue
        path = folder / entry.name
        if path.suffix.lower() in SUFFIXES:
            yield _checked_name(path.relative_to(root).as_posix(), root)
        elif path.is_dir():
            yield from _below(path, root, above | {here}, passed)
        else:
            passed[path.suffix.lower()] += 1


def file_bytes(path: Path) -> bytes:
    """The bytes of an image file, if it is not too large; BadValueError where it is none."""
    if path.is_dir():
        raise BadValueError("found a folder; expected an image file")
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise BadValueError(_too_large(size))
        return path.read_bytes()
    except OSError as error:
        raise BadValueError(f"cannot be read ({error.strerror or error})") from None


def _members(
    archive: zipfile.ZipFile, path: Path, passed: Counter[str]
) -> dict[str, zipfile.ZipInfo]:
    """The images in an archive by name; nothing is unpacked to the disk."""
    infos = archive.infolist()
    if len(infos) > _MEMBERS:
        raise InputError(f"{path}: found {len(infos):,} files; expected at most {_MEMBERS:,}")
    total, packed = sum(info.file_size for info in infos), path.stat().st_size
    if total > _GROWTH * packed + LARGEST:
        raise InputError(
            f"{path}: found {total / 2**20:,.0f} MB in a zip file of {packed / 2**20:,.2f} MB; "
            f"expected at most {_GROWTH} times its size (or unpack it and give the folder)"
        )
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if info.is_dir() or any(_is_hidden(part) for part in parts if part != ".."):
            continue
        if not name.lower().endswith(SUFFIXES):
            passed[PurePosixPath(name).suffix.lower()] += 1
            continue
        if ".." in parts or name.startswith("/") or "\\" in name or _is_drive(parts[0]):
            raise InputError(
                f"{path}: found the name {shown(name)}; expected names inside the archive, "
                "CLASS/FILE"
            )
        if name in members:
            raise InputError(f"{path}: found {shown(name)} twice; expected every file once")
        members[_checked_name(name, path)] = info
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.flag_bits & 1:
        raise BadValueError("found an encrypted file; expected a zip file without a password")
    if info.file_size > LARGEST:
        raise BadValueError(_too_large(info.file_size))
    try:
        with archive.open(info) as file:
            data = file.read(LARGEST + 1)  # what the header says of the size may be wrong
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadValueError(f"cannot be unpacked ({error})") from None
    if len(data) > LARGEST:
        raise BadValueError(_too_large(len(data)))
    return data


def _too_large(size: int) -> str:
    return f"found {size / 2**20:,.0f} MB; expected an image file of at most {LARGEST >> 20} MB"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_drive(part: str) -> bool:
    return len(part) == 2 and part[1] == ":"


def _checked_name(name: str, source: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{source}: found the name {shown(name)}; expected UTF-8") from None
    return name
