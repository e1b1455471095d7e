"""The bench of scenes whose parts are known: coloured digits in corners of an image, captioned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from dipole.data import Pairs
from dipole.encoders.base import Encoder
from dipole.studies.bench import Bench
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURS = {
    "red": (255, 40, 40), "green": (40, 220, 40), "blue": (70, 70, 255), "yellow": (230, 230, 30),
    "purple": (210, 40, 210), "white": (240, 240, 240),
}  # fmt: skip
SIDE = 8  # pixels of a digit; a scene has twice as many
CORNERS = ((0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE))
CENTRE = (SIDE // 2, SIDE // 2)
SCENES = {"train": 4000, "test": 2000}
ITEMS = "items"


class Item(NamedTuple):
    """A digit of a scene: its number, its colour by name, and its first row and column."""

    number: int
    colour: str
    place: tuple[int, int]

    @property
    def said(self) -> str:
        """As captions have it."""
        return f"{self.colour} {NUMBERS[self.number]}"


def items_of(examples: Pairs, i: int) -> list[Item]:
    """The digits of a scene, in the order of its caption."""
    return [Item(n, colour, (y, x)) for n, colour, (y, x) in examples.metadata(i)[ITEMS]]


@cache
def rows(split: str, quick: bool = False) -> Pairs:
    """Two digits of different number and colour in two corners: "a red three and a blue seven"."""
    images, items = drawn(split, quick, corners=True)
    return _pairs(images, items, [f"a {a.said} and a {b.said}" for a, b in items])


@cache
def alone(split: str, quick: bool = False) -> Pairs:
    """One digit in the middle of an image: "a red three"."""
    images, items = drawn(split, quick, corners=False)
    return _pairs(images, items, [f"a {one.said}" for (one,) in items])


def centred(split: str, quick: bool = False) -> Pairs:
    """One digit in the middle of an image to train on; scenes to test on."""
    return (alone if split == "train" else rows)(split, quick)


def names() -> list[str]:
    """What a digit may be called: the 60 of number and colour."""
    return [Item(number, colour, CENTRE).said for number in range(10) for colour in COLOURS]


def drawn(
    split: str, quick: bool, *, corners: bool, numbers: int = len(NUMBERS)
) -> tuple[np.ndarray, list[list[Item]]]:
    """Images (n, 16, 16, 3) of two digits in corners or one in the middle, and what is in each; of
    digits there are the first `numbers`."""
    from dipole.data import load_labeled

    digits = load_labeled("digits", split=split)
    pictures = np.stack(list(digits.column("input"))).astype(np.float64) / 255
    labels = np.array([int(name) for name in digits.column("label")])
    rng = np.random.default_rng([SCENES[split], corners, numbers])
    count = (QUICK_TRAIN if split == "train" else QUICK_TEST) if quick else SCENES[split]
    images = np.zeros((count, 2 * SIDE, 2 * SIDE, 3))
    items = []
    for image in images:
        there = [CORNERS[p] for p in rng.permutation(len(CORNERS))[:2]] if corners else [CENTRE]
        shown = rng.permutation(numbers)[: len(there)]
        chosen = [int(rng.choice(np.flatnonzero(labels == number))) for number in shown]
        colours = rng.permutation(list(COLOURS))
        found = [
            Item(int(number), str(colour), place)
            for number, colour, place in zip(shown, colours, there, strict=False)
        ]
        for row, one in zip(chosen, found, strict=True):
            y, x = one.place
            image[y : y + SIDE, x : x + SIDE] = pictures[row][..., None] * COLOURS[one.colour]
        items.append(found)
    return np.rint(images).astype(np.uint8), items


def _pairs(images: np.ndarray, items: Sequence[Sequence[Item]], said: list[str]) -> Pairs:
    known: list[dict[str, Any]] = [
        {ITEMS: [[one.number, one.colour, list(one.place)] for one in several]} for several in items
    ]
    return Pairs.from_columns(
        {"anchor": images, "positive": said}, metadata=known, origin="coloured digits"
    )


def maps(towers: Encoder, images: Sequence[np.ndarray]) -> np.ndarray:
    """The vectors of the places of images in the space of both towers, (n, rows, columns, dim)."""
    found = []
    towers.eval()
    with torch.no_grad():
        for start in range(0, len(images), 250):
            features = towers.prepare(images[start : start + 250], "image")
            found.append(towers.outputs(features, ["tokens"])["tokens"])
    tokens = torch.cat(found).numpy()
    side = round(tokens.shape[1] ** 0.5)
    return tokens.reshape(len(tokens), side, side, -1)


def nearest(train: Pairs, test: Pairs) -> np.ndarray:
    """MRR@10 of the caption of the training image that is nearest by its pixels, which is compared
    with the test captions by their words: per test image, in points."""
    pixels = [
        np.stack(list(part.column("anchor"))).reshape(len(part), -1) / 255 for part in (train, test)
    ]
    apart = (pixels[0] ** 2).sum(1) - 2 * pixels[1] @ pixels[0].T
    said = list(train.column("positive"))
    guessed = [set(said[row].split()) for row in apart.argmin(1)]
    words = [set(text.split()) for text in test.column("positive")]
    found = []
    for i, guess in enumerate(guessed):
        shared = np.array([len(guess & one) for one in words])
        # Of those that share as many words half stand before it.
        rank = 1 + (shared > shared[i]).sum() + ((shared == shared[i]).sum() - 1) / 2
        found.append(100 / rank if rank <= 10 else 0.0)
    return np.array(found)


BENCH = Bench(
    id="scenes",
    about=(
        "4,000 images of two coloured digits in two of four corners, six epochs; a tower of four"
        " convolutions and a bag of words; the caption of each of 2,000 other scenes among theirs"
    ),
    data=f"{__name__}:rows",
    settings={
        "encoder": "towers",
        "encoder_options": {
            "image": "conv", "image_options": {"widths": [16, 32, 64, 128]},
            "text_options": {"grams": []},
        },
        "batch_size": 64, "epochs": 6,
    },
    measures=("retrieval",),
    metric="MRR@10",
    delta=0.5,
    trivial=f"{__name__}:nearest",
    needs=("digits",),
    baseline={
        "objective": "infonce", "objective_options": {"learn_temperature": True},
        "temperature": 0.07,
    },
    ceiling={
        "objective": "infonce", "objective_options": {"learn_temperature": True},
        "temperature": 0.07, "epochs": 24,
    },
)  # fmt: skip
