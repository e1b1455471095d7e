"""DiHT: negatives that are nearly right weigh more."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dipole.data import Pairs
from dipole.errors import InputError
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

SIZE, POINTS = 20, 15  # pixels of an image, of the letters in it
TEMPERATURE = 0.07
# Faces of DejaVu, which comes with matplotlib: to train, to test. All have every character.
TRAIN = ("Sans", "Sans-Bold", "Serif", "SansMono")
TEST = ("Serif-Italic", "Sans-BoldOblique")


@cache
def characters() -> str:
    """Those that have a name and, in the first face, a picture that no other one has."""
    font = _font("Sans")
    shared = set.intersection(*(_known(face) for face in (*TRAIN, *TEST)))
    pictures: dict[bytes, str] = {}
    for code in sorted(shared):
        if unicodedata.name(chr(code), "") and (picture := _drawn(font, chr(code))).any():
            pictures.setdefault(picture.tobytes(), chr(code))
    return "".join(pictures.values())


def images(face: str, text: str) -> np.ndarray:
    """A picture of each character, (n, SIZE, SIZE)."""
    font = _font(face)
    return np.stack([_drawn(font, character) for character in text])


def names(text: str) -> list[str]:
    """What Unicode calls each character."""
    return [unicodedata.name(character).lower() for character in text]


def glyphs(part: str, quick: bool) -> Pairs:
    """Names of characters and pictures of them: one of every face of the part."""
    text = characters()[:: 40 if quick else 2]
    faces = TRAIN if part == "train" else TEST
    pictures = np.concatenate([images(face, text) for face in faces])
    return Pairs.from_columns({"anchor": names(text) * len(faces), "positive": pictures})


def _known(face: str) -> set[int]:
    from matplotlib.ft2font import FT2Font

    return set(FT2Font(str(_path(face))).get_charmap())


def _path(face: str) -> Path:
    try:
        import matplotlib
    except ImportError:
        raise InputError(
            "diht: no matplotlib, whose fonts are drawn; expected dipole[plots]"
        ) from None
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVu{face}.ttf"


def _font(face: str) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(_path(face)), POINTS)


def _drawn(font: FreeTypeFont, character: str) -> np.ndarray:
    from PIL import Image, ImageDraw

    page = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(page).text((SIZE // 2, SIZE // 2), character, 255, font, anchor="mm")
    return np.asarray(page)


# The temperature is learnt, as CLIP's. The paper's filter and its distillation prepare data and
# targets, and are not part of it.
RECIPE = Recipe(
    wants=["image-text", "pairs"],
    objective="hn-nce",
    objective_options={"alpha": 1.0, "beta": 0.25, "learn_temperature": True},
    temperature=TEMPERATURE,
)
SYSTEM = System(
    id="diht",
    paper=(
        "Radenovic et al. 2023, Filtering, Distillation, and Hard Negatives for "
        "Vision-Language Pre-Training, arXiv 2301.02280"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence="Weighing hard negatives more aligns pictures and names better.",
        bench="pairs",
        settings={
            "data": f"{__name__}:glyphs",
            "encoder": "two-towers",
            "encoder_options": {
                "query": "static",
                "query_options": {"dim": 128},
                "document": "conv",
                "document_options": {"head": None},
            },
            "batch_size": 128,
            "learning_rate": 5e-3,
            "epochs": 4,
        },
        regime=(
            "pictures and names, the paper's two sides, with many near-duplicates: every second"
            " character that six faces of DejaVu share, drawn in 20 x 20 pixels, and what Unicode"
            ' calls it ("latin small letter e with circumflex and dot below"); four faces to train,'
            " two others to test. A convolutional tower needs more steps than a bag of words."
        ),
        arms={
            "hn-nce": {},
            "infonce": {"objective": "infonce", "objective_options": {"learn_temperature": True}},
        },
        primary=AtLeast("hn-nce", "infonce", on="MRR@10"),
        reported=(
            "with filtering and distillation, better on 20 of 29 zero-shot tasks than the"
            " baseline (abstract); the share of the hard negatives is not confirmed here"
        ),
        secondary=[AtLeast("hn-nce", "infonce", on="Recall@1")],
        notes=(
            "A name is asked for its two pictures among all. Alpha 1 and beta 0.25; both arms learn"
            " their temperature from 0.07. Equal pictures are never negatives of each other. The"
            " fonts come with matplotlib. The paper's filter of captions, its distillation of"
            " concepts and its probes are no part of this."
        ),
        lesson=(
            "Weighing hard negatives by their own likeness adds a point of MRR to the contrast of "
            "pictures and names, and took twenty seeds to see."
        ),
    ),
)
