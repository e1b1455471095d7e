"""Which encoder a training uses that names none, or `auto`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dipole.data import Examples
from dipole.training.build import of_what, sides
from dipole.training.config import AUTO, Config
from dipole.training.kinds import kind_of

# Texts of each side whose languages are looked at.
_LOOKED_AT = 1000


class Chosen(NamedTuple):
    """An encoder's name, and why it was chosen: "" where the user, or a recipe, named it."""

    name: str
    why: str = ""


def chosen_encoder(config: Config, *examples: Examples) -> Chosen:
    """The encoder that was asked for, or one for the data.

    Images have `conv`, images with texts `towers`. Texts have `static`; with `auto`, a pretrained
    model of this machine where the rows are few, by the same rule as `dipole advise`.
    """
    if "encoder" in config.model_fields_set and config.encoder != AUTO:
        return Chosen(config.encoder)
    what = of_what(*examples)
    of = {"images": "conv", "images and texts": "towers"}
    if what in of:
        return Chosen(of[what], f"the data are {what}")
    kinds = {kind_of(part) for part in examples}
    if config.encoder != AUTO or what != "texts" or "preferences" in kinds:
        return Chosen("static")
    from dipole.training.advice.encoders import for_texts, is_english

    found = for_texts(
        sum(map(len, examples)),
        alone=kinds == {"texts"},
        english=is_english([shares for part in examples for shares in _languages(part)]),
    )
    return Chosen(found.name, found.why)


def _languages(examples: Examples) -> list[dict[str, float]]:
    """Language -> share of the texts, of each side."""
    from dipole.lexical.languages import languages

    found = []
    for column in sides(examples):
        rows = np.linspace(0, len(column) - 1, min(len(column), _LOOKED_AT)).astype(int)
        found.append(languages(str(column[int(row)]) for row in rows))
    return found
