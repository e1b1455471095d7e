"""The bench of images without labels: CIFAR-10 at 16 pixels, a small convolutional tower."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from dipole.data import Labeled
from dipole.studies.bench import Bench
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN

# Images of a class: to train on, to test on.
TRAIN, TEST = 500, 1000
# With batch normalisation in the head a seed matters half as much (0.45 points against 1.15).
TOWER: dict[str, Any] = {
    "widths": [16, 32, 64, 128], "head": {"out": 128, "hidden": 128, "batch_norm": True},
}  # fmt: skip


@cache
def rows(split: str, quick: bool = False) -> Labeled:
    """CIFAR-10's training images, each 2 x 2 pixels averaged to one: 5,000 to train on, 10,000
    others to test on, classes in equal parts. A quick run takes scikit-learn's digits."""
    from dipole.data import load_labeled

    if quick:
        found = load_labeled("digits", split=split)
        return found.select(np.arange(QUICK_TRAIN if split == "train" else QUICK_TEST))
    whole = load_labeled("cifar10", split="train")
    labels = np.asarray(list(whole.column("label")))
    of_class = [np.flatnonzero(labels == name) for name in np.unique(labels)]
    part = slice(TEST, TEST + TRAIN) if split == "train" else slice(0, TEST)
    chosen = np.sort(np.concatenate([places[part] for places in of_class]))
    images = np.stack(list(whole.select(chosen).column("input"))).astype(np.float64)
    pooled = images.reshape(len(images), 16, 2, 16, 2, 3).mean((2, 4))
    return Labeled.from_columns(
        {"input": np.rint(pooled).astype(np.uint8), "label": list(labels[chosen])},
        origin="CIFAR-10 pooled to 16 x 16",
    )


def pixels(train: Labeled, test: Labeled) -> np.ndarray:
    """kNN accuracy of the pixels themselves, their mean taken away: per test image, in points."""
    from dipole.evaluation.tasks.neighbours import knn

    flat = [np.stack(list(part.column("input"))).reshape(len(part), -1) for part in (train, test)]
    centred = [x / 255 - flat[0].mean(0) / 255 for x in flat]
    vectors = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in centred]
    labels = [np.asarray(list(part.column("label"))) for part in (train, test)]
    return 100.0 * np.asarray(knn(vectors[0], labels[0], vectors[1], labels[1]))


BENCH = Bench(
    id="views",
    about=(
        "5,000 images of CIFAR-10 at 16 x 16 pixels, six epochs; a tower of four convolutions;"
        " the classes of 10,000 other images by their 20 nearest neighbours"
    ),
    data=f"{__name__}:rows",
    needs=("cifar10",),
    settings={
        "encoder": "conv", "encoder_options": TOWER, "batch_size": 256,
        "epochs": 6,
    },
    measures=("knn",),
    metric="kNN accuracy",
    delta=0.5,
    trivial=f"{__name__}:pixels",
    baseline={"view": ["simclr"], "objective": "ntxent", "temperature": 0.2},
    ceiling={"view": ["weak"], "objective": "supcon", "temperature": 0.1, "epochs": 24},
    full={"encoder_options": TOWER | {"widths": [64, 128, 256, 512]}, "epochs": 200},
)  # fmt: skip
