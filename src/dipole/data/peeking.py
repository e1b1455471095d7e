"""The columns of a source before it is read: may a name that comes from elsewhere be taken?"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dipole.data.beir import is_beir
from dipole.data.hub import is_datasets_folder, parts_from_folder, parts_from_hub
from dipole.data.memory import is_held
from dipole.data.named import NAMED, locate
from dipole.data.readers import file_format, file_source
from dipole.data.rows import Bad
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
    elif place.is_file():
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
