"""A column of images that are decoded where they are read, as a type of Arrow's."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from dipole.data.image_cells import image_of

# What the cells of such a column are: the path of a file, or its bytes.
STORED = pa.struct({"path": pa.string(), "bytes": pa.binary()})
# Images decoded at the same time; from so many on threads are worth their start.
_THREADS, _MANY = min(4, os.cpu_count() or 1), 16


class ImageType(pa.ExtensionType):
    """Images of one size: `size` (height, width) of each, `rgb` where one has colours."""

    def __init__(self, size: Sequence[int] | None, rgb: bool) -> None:
        self.size = (size[0], size[1]) if size else None
        self.rgb = rgb
        super().__init__(STORED, "dipole.image")

    def __arrow_ext_serialize__(self) -> bytes:
        return json.dumps({"size": self.size, "rgb": self.rgb}).encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> ImageType:
        return cls(**json.loads(serialized))

    def decoded(self, array: Any) -> list[np.ndarray]:
        """The images of an array of this type."""
        read = partial(image_of, size=self.size, rgb=self.rgb)
        cells = array.storage.to_pylist()
        if len(cells) < _MANY or _THREADS == 1:
            return list(map(read, cells))
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(read, cells))

    def contents(self, array: Any) -> list[str | bytes]:
        """What tells the images of an array apart without reading files: paths, or the bytes."""
        return [cell["bytes"] or cell["path"] for cell in array.storage.to_pylist()]


def as_images(table: Any, fields: Mapping[str, Mapping[str, Any]]) -> Any:
    """The table with these columns of cells as images."""
    for field, about in fields.items():
        kind = ImageType(about["size"], about["rgb"])
        chunks = [pa.ExtensionArray.from_storage(kind, c) for c in table.column(field).chunks]
        place = table.schema.get_field_index(field)
        table = table.set_column(place, pa.field(field, kind), pa.chunked_array(chunks, kind))
    return table
