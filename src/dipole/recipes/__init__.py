"""Named systems as settings of a training: one short yaml file each, a composition and no maths.

`dipole train --config dcl --data ...` is `--config` with the file of that name in this folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dipole.errors import InputError
from dipole.lookup import nearest
from dipole.training.config import read_config

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The recipes that come with dipole."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of one that comes with dipole.

    >>> find("dcl").name
    'dcl.yaml'
    """
    path = Path(recipe)
    if path.exists() or path.suffix:
        return path
    if str(recipe) not in names():
        raise InputError(
            f"recipe: found no {str(recipe)!r}; {nearest(str(recipe), names(), 'a file')}"
        )
    return FOLDER / f"{recipe}.yaml"


def read(recipe: str | Path) -> dict[str, Any]:
    """The settings of a recipe."""
    return read_config(find(recipe))
