"""Which encoder to begin with: a pretrained model of this machine, or one from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dipole.lexical.languages import UNKNOWN
from dipole.training.advice.choices import Choice
from dipole.training.advice.findings import Findings
from dipole.training.advice.pretrained import VARIABLE, pretrained

# From so many rows on a bag of words learns from the rows themselves which words mean the same.
ENOUGH = 2000
# Pixels of the shorter side up to which the small convolutional net is enough.
_SMALL = 64
_ENGLISH = 0.8
NAMING = f"--encoder FOLDER_OR_HUB_ID (or {VARIABLE}=FOLDER)"


class Encoder(NamedTuple):
    """What `--encoder` is given, why, and the batch size and epochs it would take by itself."""

    name: str
    why: str
    batch_size: int
    is_pretrained: bool = False


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
    english = is_english([field.languages for field in found.texts()])
    return for_texts(found.rows, alone=found.kind == "texts", english=english)


def for_texts(rows: int, *, alone: bool, english: bool) -> Encoder:
    """The encoder for so many rows of texts; alone: without partners, scores or labels."""
    said, few = f"{rows:,} rows", rows < ENOUGH
    if not few and not alone:
        why = f"{said} are enough to learn from scratch, in seconds on a CPU"
        return Encoder("static", why, _defaults("static"))
    teach = "texts alone teach little" if alone and not few else f"{said} are few"
    if (model := pretrained(english=english)) is not None:
        why = f"{teach}: begin with a pretrained model, which this machine has ({model.origin})"
        return Encoder(model.folder, why, _defaults(""), is_pretrained=True)
    return Encoder(
        "static",
        f"{teach}, and this machine has no pretrained model{'' if english else ' for them'}; from "
        f"scratch, BM25 is likely as good: name a pretrained model with {NAMING}",
        _defaults("static"),
    )


def is_english(shares: Sequence[dict[str, float]]) -> bool:
    """Whether most texts whose language can be told are English; shares: of each column."""
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
