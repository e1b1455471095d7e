"""Images in the cells of a table: paths of files beside it, or the bytes of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data.image_decoding import as_rgb, check_one_size, decoded, noticed, target_size
from dipole.data.image_files import SUFFIXES, file_bytes
from dipole.data.rows import BadValueError, shown
from dipole.errors import InputError

# What files of these formats begin with: PNG, JPEG, GIF, BMP, WebP.
_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")
# The share of a column's values that look like images, of a column of images.
_MOST = 0.9


def are_images(values: Sequence[Any]) -> bool:
    """Whether the values of a column are images: names of image files (no addresses), bytes of
    such files, or both as `datasets` has them. Whether the files are there is not asked."""
    return bool(values) and sum(map(_is_image, values)) >= _MOST * len(values)


def _is_image(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower().endswith(SUFFIXES) and "://" not in value
    if isinstance(value, Mapping):
        return value.keys() == {"bytes", "path"}
    return isinstance(value, bytes) and value.startswith(_STARTS)


class Pictures:
    """One column of images on its way into a table: every cell decoded once and checked, none kept.

    folders: where paths are looked for, in this order; the current one if there are none.
    """

    def __init__(self, folders: Sequence[Path], resize: int | str | Sequence[int] | None) -> None:
        self.folders = folders or [Path()]
        self.size = target_size(resize)
        self.shapes: set[tuple[int, int]] = set()
        self.grey = self.coloured = self.animated = 0

    def __call__(self, value: Any, column: str) -> dict[str, Any]:
        """The cell as the table keeps it; BadValueError where it is no readable image."""
        cell = self._found(value, column)
        try:
            image, animated = decoded(file_of(cell), self.size)
        except BadValueError as error:
            where = f"'{column}'" + (f", {value}" if isinstance(value, str) else "")
            raise BadValueError(f"column {where}: {error}") from None
        if len(self.shapes) < 100:
            self.shapes.add((image.shape[0], image.shape[1]))
        self.animated += animated
        self.grey += image.ndim == 2
        self.coloured += image.ndim == 3
        return cell

    def _found(self, value: Any, column: str) -> dict[str, Any]:
        data = value.get("bytes") if isinstance(value, Mapping) else value
        path = value.get("path") if isinstance(value, Mapping) else value
        if isinstance(data, bytes):
            return {"path": None, "bytes": data}
        if not isinstance(path, str) or not path:
            raise BadValueError(f"column '{column}': found {shown(value)}; expected an image")
        for folder in self.folders:
            if (place := folder / path.strip()).is_file():
                return {"path": str(place.absolute()), "bytes": None}
        raise BadValueError(
            f"column '{column}': found no file {shown(path)}; expected an image, its path from "
            f"{self.folders[0]}"
        )

    def about(self, name: str) -> dict[str, Any]:
        """How the cells are to be read, and what was noticed; of one size unless resized."""
        if self.size is None:
            check_one_size(self.shapes, name)
        notes = noticed(self.animated, self.grey if self.coloured else 0)
        return {"size": self.size, "rgb": self.coloured > 0, "notes": notes}


def file_of(cell: Mapping[str, Any]) -> bytes:
    """The bytes of the image file that a cell holds or names."""
    if cell["bytes"] is not None:
        return bytes(cell["bytes"])
    return file_bytes(Path(cell["path"]))


def image_of(cell: Mapping[str, Any], size: tuple[int, int] | None, *, rgb: bool) -> np.ndarray:
    """The image of a cell, uint8 (height, width) or (height, width, 3).

    Raises InputError where its file is gone or has changed into none.
    """
    try:
        image, _ = decoded(file_of(cell), size)
    except BadValueError as error:
        raise InputError(f"{cell['path'] or 'an image in the table'}: {error}") from None
    return as_rgb(image) if rgb else image
