"""The columns of a source before it is read: may a name that comes from elsewhere be taken?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from dipole.data.beir import is_beir
from dipole.data.hub import (
    folder_source,
    is_datasets_folder,
    parts_from_folder,
    parts_from_hub,
    rows_source,
)
from dipole.data.memory import is_held
from dipole.data.named import NAMED, locate
from dipole.data.readers import file_format, file_source
from dipole.data.rows import Bad
from dipole.data.sample import ROWS, Sample
from dipole.errors import InputError


def columns_among(source: Any, split: str, names: Collection[str]) -> list[str]:
    """Those of `names` that are columns of a table; [] for what has no columns to name, and for a
    function, whose data are not made twice.

    Of a file with an object a line the first usable row decides.
    """
    if is_held(source):
        return []
    place = locate(source)
    if not names or place in NAMED:
        return []
    if isinstance(place, str):
        found = _features(parts_from_hub(place, split))
    elif place.is_file() or file_format(place) is not None:
        if file_format(place) is None:
            return []
        try:
            rows = file_source(place, list(names)).rows()
        except InputError:  # for the reading itself to say
            return []
        found = next((set(map(str, row)) for _, row in rows if not isinstance(row, Bad)), set())
    elif not is_beir(place) and is_datasets_folder(place):
        found = _features(parts_from_folder(place, split))
    else:
        return []
    return [name for name in names if name in found]


def _features(parts: dict[str, object]) -> set[str]:
    return {str(name) for part in parts.values() for name in part.features}  # type: ignore[attr-defined]


def sample_of(source: Any, split: str, columns: Sequence[str] = ()) -> Sample | None:
    """The first rows of a table and what its columns hold; None for what is no table, and for a
    function, whose data are not made twice. columns: those a user named."""
    if is_held(source):
        return None
    place = locate(source)
    if place in NAMED:
        return None
    if isinstance(place, str):
        found = rows_source(place, parts_from_hub(place, split))
    elif file_format(place) is not None:
        found = file_source(place, columns)
    elif place.is_dir() and not is_beir(place) and is_datasets_folder(place):
        found = folder_source(place, split, columns)
    else:
        return None
    return Sample([row for _, row in islice(found.rows(), ROWS) if not isinstance(row, Bad)])
