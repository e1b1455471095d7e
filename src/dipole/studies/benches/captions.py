"""The bench of images and texts: photographs whose captions are made of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

import dipole
from dipole.data import Pairs
from dipole.data.cache import cache_folder, digest, new_entry
from dipole.encoders import load_encoder
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.lock import Lock
from dipole.studies.bench import Bench
from dipole.studies.benches.training import trained
from dipole.studies.benches.views import pixels as neighbours
from dipole.studies.benches.views import rows as photographs
from dipole.studies.digest import code_of
from dipole.studies.measures import Measured, Trained

# Words of each class of CIFAR-10, in alphabetical order.
WORDS = (
    ("airplane", "plane", "airliner"), ("automobile", "car", "sedan"),
    ("bird", "sparrow", "songbird"), ("cat", "kitten", "house cat"), ("deer", "doe", "stag"),
    ("dog", "puppy", "hound"), ("frog", "toad", "tree frog"), ("horse", "pony", "stallion"),
    ("ship", "boat", "vessel"), ("truck", "lorry", "pickup truck"),
)  # fmt: skip
# What stands around the word in a caption, and in a prompt.
FRAMES = (
    "a photo of a {}", "an image of a {}", "this is a {}", "one {}, seen alone",
    "a {} in the wild", "a {} close by", "the {} we saw", "small picture: {}",
    "my {}", "a {}, far away", "{} in color", "look at this {}",
)  # fmt: skip
PROMPTS = ("a picture showing a {}", "a drawing of some {}", "here you see the {}")
CLASS = "class"
# Channels of the convolutions of the image tower.
WIDTHS = (16, 32, 64, 128)


@cache
def rows(split: str, quick: bool = False) -> Pairs:
    """The images of the bench of views, each with a caption: a word of its class in a frame."""
    found = photographs(split, quick)
    classes = np.unique(list(found.column("label")), return_inverse=True)[1]
    rng = np.random.default_rng(0)
    said = [str(rng.choice(FRAMES)).format(rng.choice(WORDS[k])) for k in classes]
    return Pairs.from_columns(
        {"anchor": np.stack(list(found.column("input"))), "positive": said},
        metadata=[{CLASS: int(k)} for k in classes],
        origin=found.origin + ", with captions",
    )


def classes_of(pairs: Pairs) -> np.ndarray:
    """The number of the class of every image, (n,)."""
    return np.array([pairs.metadata(i)[CLASS] for i in range(len(pairs))])


def named(encoder: Encoder) -> np.ndarray:
    """A vector for each class: the mean of its prompts, (classes, dim)."""
    from dipole.evaluation.tasks.zero_shot import class_vectors

    def encode(texts: Sequence[str], _: Any) -> np.ndarray:
        return encoder.encode(texts, "text")

    return np.stack([class_vectors(encode, several, PROMPTS).mean(0) for several in WORDS])


def zero_shot(model: Trained) -> Measured:
    """Whether the prompts of its class are nearest to a test image, in frames that no caption has.

    Per image, in points.
    """
    if not isinstance(model.test, Pairs):
        raise InputError(f"zero-shot: found {type(model.test).__name__}; expected captioned images")
    images = list(model.test.column("anchor"))
    return {"zero-shot accuracy": accuracy(model.encoder, images, classes_of(model.test))}


def accuracy(encoder: Encoder, images: Sequence[np.ndarray], classes: np.ndarray) -> np.ndarray:
    """Whether the mean prompt of its class is nearest to an image: per image, in points."""
    vectors = encoder.encode(images, "image")
    return 100.0 * ((vectors @ named(encoder).T).argmax(1) == classes)


def pixels(train: Pairs, test: Pairs) -> np.ndarray:
    """Accuracy of the 20 nearest training images by their pixels: per test image, in points."""
    from dipole.data import Labeled

    both = [
        Labeled.from_columns(
            {"input": np.stack(list(part.column("anchor"))), "label": classes_of(part).tolist()}
        )
        for part in (train, test)
    ]
    return neighbours(*both)


class Sighted(Encoder):
    """A convolutional tower that was trained before: by a contrast of the classes of the bench's
    training images, without a caption. It is trained once and kept in the cache folder."""

    @classmethod
    def from_inputs(
        cls, images: Sequence[Any], others: Sequence[Any], *, widths: Sequence[int] = WIDTHS
    ) -> Encoder:
        """The pretrained tower of these widths; of a quick run's images where they are no photos.

        It draws from no generator that others draw from.
        """
        quick = np.ndim(images[0]) == 2
        settings = {**SIGHTED, "encoder_options": {"widths": list(widths)}}
        code = code_of([f"{__name__}:SIGHTED"])
        name = f"sighted-{digest(dipole.__version__, settings, code, quick)}"
        with Lock(cache_folder() / f"{name}.lock", f"{name}: another training", wait=True):
            if not (cache_folder() / name).exists():
                with torch.random.fork_rng():
                    tower = trained(photographs("train", quick), seed=0, **settings)
                with new_entry(name) as folder:
                    tower.save(folder)
        return load_encoder(cache_folder() / name)


SIGHTED: dict[str, Any] = {
    "encoder": "conv", "view": ["weak"], "objective": "supcon", "temperature": 0.1,
    "batch_size": 128, "epochs": 8,
}  # fmt: skip
BENCH = Bench(
    id="captions",
    about=(
        "5,000 images of CIFAR-10 at 16 x 16 pixels with captions made of words of their classes,"
        " six epochs; a tower of four convolutions and a bag of words; the classes of 10,000 other"
        " images by prompts that no caption has"
    ),
    data=f"{__name__}:rows",
    needs=("cifar10",),
    settings={
        "encoder": "towers",
        "encoder_options": {"image": "conv", "image_options": {"widths": list(WIDTHS)}},
        "batch_size": 64, "epochs": 6,
    },
    measures=(f"{__name__}:zero_shot",),
    metric="zero-shot accuracy",
    delta=0.5,
    trivial=f"{__name__}:pixels",
    baseline={
        "objective": "infonce", "objective_options": {"learn_temperature": True},
        "temperature": 0.07,
    },
    ceiling={
        "objective": "infonce", "objective_options": {"learn_temperature": True},
        "temperature": 0.07, "view": ["anchor=weak"], "epochs": 24,
    },
    full={"encoder_options": {"image_options": {"widths": [64, 128, 256, 512]}}, "epochs": 60},
)  # fmt: skip
