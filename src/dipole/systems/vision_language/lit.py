"""LiT: a locked image tower that already sees well, and a text tower that learns to read it."""

from __future__ import annotations

import tempfile

import numpy as np

from dipole.data import Labeled, Pairs
from dipole.encoders.base import Encoder
from dipole.studies.benches.training import trained
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.systems.vision_language.cwcl import WORDS, pictures
from dipole.training.recipe import Recipe

PRETRAINING, STEPS, BATCH = 8, 200, 128  # epochs without captions, steps with them
CAPTIONED = 20  # images of a class that have a caption
SEEN = (
    "a photo of a {}", "an image of a {}", "this is a {}", "one {}, seen alone",
    "a {} in the wild", "a {} close by", "the {} we saw", "small picture: {}",
    "my {}", "a {}, far away", "{} in color", "look at this {}",
)  # fmt: skip
UNSEEN = ("a picture showing a {}", "a drawing of some {}", "here you see the {}")


def captioned(images: list[np.ndarray], labels: np.ndarray, seed: int) -> Pairs:
    """The first images of every class, each with a caption of a word of its class and a frame."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.flatnonzero(labels == k)[:CAPTIONED] for k in range(len(WORDS))])
    texts = [str(rng.choice(SEEN)).format(rng.choice(WORDS[labels[i]][0])) for i in rows]
    return Pairs.from_columns({"anchor": texts, "positive": np.stack(images)[rows]})


def spoilt(images: list[np.ndarray]) -> list[np.ndarray]:
    """Images turned by up to 30 degrees and with noise: others than any tower was trained on."""
    from scipy.ndimage import rotate

    rng = np.random.default_rng(0)
    angles = rng.uniform(-30, 30, len(images))
    turned = [rotate(x, a, reshape=False, order=1) for x, a in zip(images, angles, strict=True)]
    noisy = np.stack(turned) + rng.normal(0, 25, (len(images), *images[0].shape))
    return list(noisy.clip(0, 255).astype(np.uint8))


def zero_shot(towers: Encoder, images: list[np.ndarray]) -> np.ndarray:
    """The class whose mean prompt is nearest, in frames that no caption has."""
    from dipole.evaluation.tasks.zero_shot import class_vectors

    named = [
        class_vectors(lambda texts, _: towers.encode(texts, "query"), words, UNSEEN).mean(0)
        for words, _ in WORDS
    ]
    found: np.ndarray = (towers.encode(images, "document") @ np.stack(named).T).argmax(1)
    return found


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Per arm: zero-shot accuracy per test image, plain and spoilt."""
    images, labels = pictures("train", quick)
    asked, truth = pictures("test", quick)
    pairs = captioned(images, labels, seed)
    sets = {"zero-shot": asked, "zero-shot, spoilt images": spoilt(asked)}
    classes = Labeled.from_columns({"input": images, "label": labels.tolist()})
    pretrained = trained(  # contrast of classes on all training images; no captions
        classes, "conv", objective="supcon", view=["weak"], batch_size=BATCH, temperature=0.1,
        epochs=0.2 if quick else PRETRAINING, seed=seed,
    )  # fmt: skip
    found: dict[str, np.ndarray | float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pretrained.save(folder)
        for arm, (image, locked) in ARMS.items():
            towers = trained(
                pairs, recipe=RECIPE, encoder_options={"image": image or folder}, locked=locked,
                batch_size=BATCH, max_steps=3 if quick else STEPS, seed=seed,
            )  # fmt: skip
            for what, inputs in sets.items():
                found[f"{what}, {arm}"] = 100.0 * (zero_shot(towers, inputs) == truth)
    return found


# Arm -> its image tower ("": the pretrained one), and what is locked.
ARMS: dict[str, tuple[str, list[str]]] = {
    "Lu": ("", ["image"]), "Uu": ("", []), "uu": ("conv", []),
}  # fmt: skip


# The image tower is locked, without a head of its own; the text tower takes its size. A user names
# the pretrained one: --encoder-option image=FOLDER.
RECIPE = Recipe(
    wants=["image-text"],
    encoder="towers",
    locked=["image"],
    objective="infonce",
    objective_options={"learn_temperature": True},
    temperature=0.07,
)
SYSTEM = System(
    id="lit",
    paper=(
        "Zhai et al. 2021, LiT: Zero-Shot Transfer with Locked-image text Tuning, arXiv 2111.07991"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "With the pretrained image tower locked and only the text tower trained, zero-shot "
            "transfer is better than with both trained."
        ),
        experiment=experiment,
        primary=AtLeast("zero-shot, Lu", "zero-shot, Uu"),
        delta=0.5,
        reported=(
            "zero-shot ImageNet, tuned on 4 billion pairs: 70.1 for Lu, 57.2 for Uu, 50.6 for uu"
            " (table 2)"
        ),
        secondary=[
            AtLeast("zero-shot, Lu", "zero-shot, uu"),
            AtLeast("zero-shot, spoilt images, Lu", "zero-shot, spoilt images, Uu"),
        ],
        needs=["cifar10"],
        notes=(
            "First letter the image tower, second the text tower: L locked and pretrained, U"
            " pretrained and trained on, u from scratch. The images of the bench views. Pretrained"
            " is a contrast of classes (SupCon) on its 5,000 training images, as the paper's towers"
            f" know labels; {CAPTIONED} images of a class have a caption, made of three words per"
            " class and twelve frames, and prompts have frames that no caption has. Spoilt images"
            " are turned by up to 30 degrees, with noise. The paper's other letters (a pretrained"
            " text tower) are left out."
        ),
    ),
)
