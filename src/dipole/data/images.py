"""Images with labels: idx files (MNIST), folders or zips with a folder per class.

Images are uint8 arrays, (height, width) or (height, width, channels), 0 to 255, all of one size.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data.converting import BadRows, OnBadRow
from dipole.data.examples import Inputs, Labeled
from dipole.data.image_captions import is_captioned
from dipole.data.image_decoding import decoded, noticed, one_size, target_size
from dipole.data.image_files import class_folders
from dipole.data.rows import BadValueError
from dipole.data.splits import check_whole, chosen_splits
from dipole.errors import InputError

# Names that the files of a split begin with.
_IDX = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file (the format of MNIST), also gzipped."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: found no readable idx file ({error})") from None
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise InputError(f"{path}: found {data[:4]!r} at the start; expected an idx file of bytes")
    shape = np.frombuffer(data, ">i4", data[3], 4) if len(data) >= 4 + 4 * data[3] else None
    if shape is None or len(data) != 4 + 4 * data[3] + int(np.prod(shape)):
        raise InputError(f"{path}: found {len(data)} bytes; expected as many as its header says")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder holds images as idx files."""
    return next(folder.glob("*-images-idx3-ubyte*"), None) is not None


def is_image_source(source: Any) -> bool:
    """Whether a source is a folder or zip file of images, or a folder of idx files."""
    from dipole.data.beir import is_beir
    from dipole.data.cranfield import is_cranfield
    from dipole.data.hub import is_datasets_folder
    from dipole.data.memory import is_held
    from dipole.data.named import locate

    if is_held(source):
        return False
    place = locate(source)
    if isinstance(place, str):
        return False
    if place.is_file():
        return place.suffix.lower() == ".zip"
    if is_idx_folder(place):
        return True
    if is_beir(place) or is_cranfield(place) or is_captioned(place) or is_datasets_folder(place):
        return False
    with class_folders(place) as found:
        return bool(found.files)


def from_idx_folder(folder: Path, split: str) -> Labeled:
    """`{train,t10k}-{images-idx3,labels-idx1}-ubyte`, maybe with .gz."""
    images, labels = [], []
    for part in chosen_splits(split, _IDX, str(folder)):
        images.append(read_idx(_one(folder, f"{_IDX[part]}-images-idx3-ubyte*")))
        labels.append(read_idx(_one(folder, f"{_IDX[part]}-labels-idx1-ubyte*")))
        if len(images[-1]) != len(labels[-1]):
            raise InputError(
                f"{folder}: found {len(images[-1])} images and {len(labels[-1])} labels in "
                f"'{part}'; expected as many"
            )
    return labeled_images(
        np.concatenate(images), np.concatenate(labels), f"{folder}: idx files, split '{split}'"
    )


def from_class_folders(
    path: Path,
    split: str,
    on_bad_row: OnBadRow = "error",
    resize: int | str | Sequence[int] | None = None,
    *,
    with_labels: bool = True,
) -> Labeled | Inputs:
    """A folder or zip file of images, CLASS/FILE or SPLIT/CLASS/FILE.

    Without splits "train" and "all" mean all of it. Inputs where `with_labels` is False and no
    image is in a class folder.
    """
    made = _Images(str(path), on_bad_row, target_size(resize))
    with class_folders(path) as found:
        if found.splits:
            parts = chosen_splits(split, found.splits, str(path))
        elif found.files:
            check_whole(split, path, "a folder" if path.is_dir() else "a file")
            parts = list(found.files)
        else:
            raise InputError(
                f"{path}: found no images; expected a folder of images for every class"
            )
        files = [file for part in parts for file in found.files[part]]
        bare = [name for name, label in files if label is None]
        if bare and (with_labels or len(bare) < len(files)):
            raise InputError(
                f"{path}: found the image {bare[0]} in no class folder; expected a folder of "
                "images for every class"
            )
        for name, label in files:
            made.add(name, lambda name=name: found.read(name), label)  # type: ignore[misc]
        made.notes += _passed(found.passed)
    what = f"split '{split}'" if found.splits else "class folders" if not bare else "images"
    return made.examples(f"{path}: {what}", labelled=not bare)


class _Images:
    """Images on their way to examples: decoded, the bad ones counted or the first one raised."""

    def __init__(self, name: str, on_bad_row: OnBadRow, size: tuple[int, int] | None) -> None:
        self.name, self.size = name, size
        self.bad_row = BadRows(name, on_bad_row)
        self.images: list[np.ndarray] = []
        self.labels: list[Any] = []
        self.places: list[str] = []
        self.animated = 0
        self.notes: list[str] = []

    def add(self, place: str, read: Callable[[], bytes], label: Any) -> None:
        try:
            image, animated = decoded(read(), self.size)
        except BadValueError as error:
            self.bad_row(place, str(error))
            return
        self.animated += animated
        self.images.append(image)
        self.labels.append(label)
        self.places.append(place)

    def examples(self, origin: str, *, labelled: bool) -> Labeled | Inputs:
        """All of them in one array; the origin says what was done to them."""
        if not self.images:
            raise InputError(
                f"{self.name}: found no usable image, {self.bad_row.count} bad ones; the first: "
                f"{self.bad_row.messages[0]}"
            )
        array, grey = one_size(self.images, self.name)
        notes = [*noticed(self.animated, grey), *self.notes]
        if self.size is not None:
            notes.append(f"resized to {self.size[0]}x{self.size[1]}")
        origin += f" ({'; '.join(notes)})" if notes else ""
        if labelled:
            made: Labeled | Inputs = labeled_images(array, self.labels, origin, self.places)
        else:
            metadata = [{"file": name} for name in self.places]
            made = Inputs.from_columns({"input": array}, metadata=metadata, origin=origin)
        return type(made)(made.table, origin=origin, skipped=self.bad_row.skipped)


def _passed(counts: Counter[str]) -> list[str]:
    """What was passed over, as a file of images nobody expects may be one that somebody does."""
    if not counts:
        return []
    kinds = ", ".join(f"{suffix or 'no ending'} {n:,}" for suffix, n in counts.most_common(3))
    return [f"passed over, no image by name: {kinds}"]


def labeled_images(
    images: np.ndarray, labels: Any, origin: str, names: list[str] | None = None
) -> Labeled:
    """Labeled over an array of images (n, height, width[, channels])."""
    labels = np.asarray(labels)
    if labels.dtype.kind in "iu":
        labels = labels.astype(np.int64)
    metadata = None if names is None else [{"file": name} for name in names]
    columns = {"input": images, "label": labels.tolist()}
    return Labeled.from_columns(columns, metadata=metadata, origin=origin)


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: found no file {pattern}; expected idx files as MNIST has them")
    return found[0]
