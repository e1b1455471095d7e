"""Images with labels: idx files (MNIST), folders or zips with a folder per class, `datasets`.

Images are uint8 arrays, (height, width) or (height, width, channels), 0 to 255, all of one size.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data.examples import Labeled
from dipole.errors import InputError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
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


def from_idx_folder(folder: Path, split: str) -> Labeled:
    """`{train,t10k}-{images-idx3,labels-idx1}-ubyte`, maybe with .gz."""
    images, labels = [], []
    for part in _IDX if split == "all" else split.split("+"):
        if part not in _IDX:
            raise InputError(f"{folder}: no split '{part}'; splits found: train, test")
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


def from_class_folders(path: Path) -> Labeled:
    """A folder or zip file of images, each in a folder named after its class."""
    images, labels, names = [], [], []
    for name, data in _image_files(path):
        images.append(decoded(data, f"{path}: {name}"))
        labels.append(Path(name).parent.name)
        names.append(name)
    if not images:
        raise InputError(f"{path}: found no images; expected a folder of images for every class")
    return labeled_images(same_size(images, str(path)), labels, f"{path}: class folders", names)


def from_datasets(
    name: str, parts: dict[str, Any], input: str | None, label: str | None
) -> Labeled:
    """Images of Hugging Face `datasets` with the label beside them."""
    features = next(iter(parts.values())).features
    input = input or next(column for column in features if is_image(features[column]))
    classes = [column for column in features if hasattr(features[column], "names")]
    label = label or next((c for c in ("label", "labels", *classes) if c in features), None)
    for column in (input, label):
        if column not in features:
            raise InputError(
                f"{name}: no column '{column or 'label'}'; found: {', '.join(features)}"
            )
    images, labels = [], []
    for part in parts.values():
        for row in part.select_columns([input, label]):
            images.append(np.asarray(row[input]))
            labels.append(row[label])
    origin = f"{name} ({'+'.join(parts)}): input '{input}', label '{label}'"
    return labeled_images(same_size(images, name), labels, origin)


def is_image(feature: Any) -> bool:
    """Whether a column of `datasets` holds images."""
    return type(feature).__name__ == "Image"


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


def decoded(data: bytes, name: str) -> np.ndarray:
    """An image file as an array, grey or RGB."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError:
        raise InputError(
            f"{name}: reading images takes Pillow; expected: pip install pillow"
        ) from None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError(f"{name}: found no readable image ({error})") from None


def same_size(images: list[np.ndarray], name: str) -> np.ndarray:
    """One array of them all."""
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        found = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:3])
        raise InputError(f"{name}: found images of different sizes ({found}); expected one size")
    return np.stack(images)


def _image_files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in _SUFFIXES:
                yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.lower().endswith(_SUFFIXES):
                    yield name, archive.read(name)
    except zipfile.BadZipFile:
        raise InputError(f"{path}: found no readable zip file") from None


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: found no file {pattern}; expected idx files as MNIST has them")
    return found[0]
