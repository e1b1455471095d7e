"""Whether a source comes in splits."""

from __future__ import annotations

from typing import Any

from dipole.data import functions, memory
from dipole.data.beir import is_beir
from dipole.data.cranfield import is_cranfield
from dipole.data.hub import is_datasets_folder
from dipole.data.image_files import class_folders
from dipole.data.images import is_idx_folder
from dipole.data.named import locate
from dipole.data.shards import is_shards


def has_splits(source: Any) -> bool:
    """Whether a source comes in splits; names and hub ids do, a table does not, a function of one's
    own where it takes one."""
    if memory.is_table(source):
        return memory.has_parts(source)
    if functions.is_function(source):
        return functions.has_parts(source)
    place = locate(source)
    if isinstance(place, str):
        return True
    if is_shards(place) or (place.is_file() and place.suffix.lower() != ".zip"):
        return False
    if place.is_dir():
        if is_beir(place) or is_cranfield(place) or is_idx_folder(place):
            return True
        if is_datasets_folder(place):
            return not (place / "state.json").is_file()
    with class_folders(place) as found:
        return bool(found.splits)
