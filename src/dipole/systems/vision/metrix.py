"""Metrix: mixtures with fractional labels cover the space between the classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from dipole.encoders.conv import ConvImage
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.studies.loops import classes_of, descend
from dipole.systems.base import System
from dipole.systems.vision.multi_similarity import right, unseen_classes

EACH, STEPS = 20, 200
WEIGHT = 0.4
Template = Literal["contrastive", "multi-similarity"]
TEMPLATES: tuple[Template, ...] = get_args(Template)


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Recall@1 on unseen classes with and without mixtures, and how near these are to them."""
    train, test = (unseen_classes(part, quick) for part in ("train", "test"))
    images, labels = list(train.column("input")), np.asarray(list(train.column("label")))
    unseen, truth = list(test.column("input")), np.asarray(list(test.column("label")))
    found: dict[str, np.ndarray | float] = {}
    for name in TEMPLATES:
        for mixes in (False, True):
            encoder = trained(images, labels, name, mixes, seed, steps=3 if quick else STEPS)
            vectors = encoder.encode(unseen).astype(np.float64)
            arm = f"{name} + metrix" if mixes else name
            found[f"Recall@1, {arm}"] = 100.0 * right(vectors, truth)
            if mixes:
                clean = encoder.encode(images)
                found |= {
                    f"{what}, {name}": value
                    for what, value in utilisation(clean, labels, vectors, seed).items()
                }
    return found


def trained(
    images: list[np.ndarray],
    labels: np.ndarray,
    name: Template,
    mixes: bool,
    seed: int,
    *,
    steps: int,
) -> ConvImage:
    """A small convolutional tower."""
    from dipole.objectives import BatchContrastive, Metrix, MultiSimilarity

    torch.manual_seed(seed)
    encoder = ConvImage.from_images(images, head=None).train()
    clean = BatchContrastive() if name == "contrastive" else MultiSimilarity()
    mixed = Metrix(template=name)

    def losses() -> Iterator[Tensor]:
        batches = classes_of(labels, steps, classes=5, each=EACH, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        for rows in batches:
            z = encoder(encoder.prepare([images[i] for i in rows]))
            label = torch.from_numpy(np.unique(labels[rows], return_inverse=True)[1])
            loss = clean(z[None], labels=label)
            if mixes:
                loss = loss + WEIGHT * mixed(z, *mixtures(z, label, generator))
            yield loss

    descend(encoder.parameters(), losses(), learning_rate=1e-3)
    return encoder


def mixtures(z: Tensor, label: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Every negative of an anchor, mixed with a positive or (by a coin per batch) the anchor."""
    from dipole.sampling.mixed_pairs import mixed_pairs

    n = len(z)
    apart = label[:, None] != label
    negatives = z[apart.nonzero()[:, 1]].view(n, -1, z.shape[1])
    partner = torch.multinomial(
        ((~apart) & ~torch.eye(n, dtype=torch.bool)).double(), 1, generator=generator
    )[:, 0]
    coin = bool(torch.rand((), generator=generator) < 0.5)
    return mixed_pairs(z[partner] if coin else z, negatives, generator=generator)


def utilisation(
    clean: np.ndarray, labels: np.ndarray, test: np.ndarray, seed: int
) -> dict[str, float]:
    """Mean squared distance of test vectors to the nearest of a set, lower is better covered.

    Of the clean training vectors, and of as many, half of which are mixtures of two classes.
    """
    rng = np.random.default_rng(seed)
    n = len(clean)
    i, j = rng.integers(0, n, (2, 20 * n))
    apart = labels[i] != labels[j]
    i, j = i[apart][:n], j[apart][:n]
    share = rng.beta(2, 2, (len(i), 1))
    mixed = share * clean[i] + (1 - share) * clean[j]
    both = np.concatenate([clean[rng.permutation(n)[: n // 2]], mixed[: n - n // 2]])

    def covered(points: np.ndarray) -> float:
        squares = (test**2).sum(1)[:, None] + (points**2).sum(1) - 2 * test @ points.T
        return float(squares.min(1).mean())

    return {"distance to clean": covered(clean), "distance to half mixed": covered(both)}


SYSTEM = System(
    id="metrix",
    paper=(
        "Venkataramanan et al. 2021, It Takes Two to Tango: Mixup for Deep Metric Learning, "
        "arXiv 2106.04990"
    ),
    claim=Claim(
        sentence=(
            "Mixtures of examples with interpolated labels improve the retrieval of unseen "
            "classes, because they lie nearer to them than the training examples do."
        ),
        experiment=experiment,
        seeds=5,
        holds=[
            AtLeast("Recall@1, contrastive + metrix", "Recall@1, contrastive", by=0.5),
            AtLeast("Recall@1, multi-similarity + metrix", "Recall@1, multi-similarity", by=-0.2),
            *(
                AtMost(f"distance to half mixed, {name}", f"distance to clean, {name}")
                for name in TEMPLATES
            ),
        ],
        notes=(
            "Mixtures of vectors (the cheapest of the paper's three levels), weight 0.4, Beta(2,"
            " 2). The distances are of unseen test images to the nearest of two sets of the same"
            " size, so that a larger set is not the reason."
        ),
    ),
)
