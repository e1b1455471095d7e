"""SupReMix: mixtures that are hard because of their labels order the space by the label."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from dipole.encoders.conv import ConvImage
from dipole.studies.claim import AtLeast, AtMost, Claim, Inequality
from dipole.studies.loops import descend
from dipole.systems.base import System

LARGEST = 90.0  # degrees
STEPS, BATCH = 200, 64
BIN = 15.0
Loss = Callable[[Tensor, Tensor], Tensor]


def turned(part: str, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images, each turned by an angle of its own, and the angles in degrees."""
    from scipy.ndimage import rotate

    from dipole.studies.data import fashion_mnist_14

    images = np.stack(list(fashion_mnist_14(part, quick).column("input")))
    images = images[: 60 if quick else 1000]
    angles = np.random.default_rng(part == "test").uniform(0, LARGEST, len(images))
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3)))
    found = [rotate(x, a, reshape=False, order=1) for x, a in zip(padded, angles, strict=True)]
    return np.stack(found).astype(np.uint8), angles


def losses_by_name() -> dict[str, tuple[Loss, list[nn.Parameter]]]:
    """Arm -> loss of (views (2, n, d), angles standardised (n,)), and weights of its own."""
    from dipole.objectives import SupCon, SupReMix

    head = nn.Linear(128, 1)
    width = BIN / LARGEST * np.sqrt(12)  # of a bin, in deviations of a uniform angle
    binned = SupCon(temperature=0.07)
    return {
        "supremix": (SupReMix(window=1.0), []),
        "no mix-pos": (SupReMix(window=1.0, positives=0, same=0.05), []),
        "no mix-neg": (SupReMix(window=1.0, negatives=0), []),
        "supcon": (lambda z, y: binned(z, labels=((y + 10) / width).long()), []),
        "direct": (
            lambda z, y: (head(10 * z.flatten(0, 1))[:, 0] - y.repeat(2)).abs().mean(),
            list(head.parameters()),
        ),
    }


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Per arm: error of a linear probe (degrees), and how far distances follow the angles."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr
    from sklearn.linear_model import RidgeCV

    images, angles = turned("train", quick)
    unseen, truth = turned("test", quick)
    target = torch.from_numpy((angles - LARGEST / 2) / (LARGEST / np.sqrt(12))).float()
    found: dict[str, np.ndarray | float] = {}
    torch.manual_seed(seed)
    for name, (loss, own) in losses_by_name().items():
        encoder = trained(images, target, loss, own, seed, steps=3 if quick else STEPS)
        vectors, tested = encoder.encode(list(images)), encoder.encode(list(unseen))
        probe = RidgeCV(np.logspace(-4, 2, 7)).fit(vectors, angles)
        found[f"error, {name}"] = np.abs(probe.predict(tested) - truth)
        apart = spearmanr(pdist(tested[:300]), pdist(truth[:300, None])).statistic
        found[f"order, {name}"] = float(apart)
    return found


def trained(
    images: np.ndarray,
    target: Tensor,
    loss: Loss,
    own: list[nn.Parameter],
    seed: int,
    *,
    steps: int,
) -> ConvImage:
    """A small convolutional tower; two views differ by noise, which leaves the angle."""
    torch.manual_seed(seed)
    direct = bool(own)
    encoder = ConvImage.from_images(list(images), head=None if direct else 128).train()
    rng = np.random.default_rng(seed)

    def losses() -> Iterator[Tensor]:
        for _ in range(steps):
            rows = rng.choice(len(images), min(BATCH, len(images)), replace=False)
            image = encoder.prepare(list(images[rows]))["image"]
            views = [encoder({"image": image + 0.05 * torch.randn_like(image)}) for _ in range(2)]
            yield loss(torch.stack(views), target[rows])

    descend([*encoder.parameters(), *own], losses(), learning_rate=1e-3)
    return encoder


SYSTEM = System(
    id="supremix",
    paper="Wu et al. 2023, Mixup Your Own Pairs, arXiv 2309.16633",
    claim=Claim(
        sentence=(
            "Contrast for regression with mixed pairs orders the space by the label and predicts "
            "it better than contrast of binned labels or direct regression."
        ),
        experiment=experiment,
        seeds=5,
        holds=[
            Inequality(
                {"error, supcon": 0.95, "error, supremix": -1.0},
                least=0.0,
                on="value",
                says="error: supremix <= 0.95 x supcon",
            ),
            AtMost("error, supremix", "error, direct"),
            AtLeast("order, supremix", "order, supcon", by=0.05),
            AtMost("error, supremix", "error, no mix-pos"),
            AtMost("error, supremix", "error, no mix-neg"),
        ],
        notes=(
            "1,000 pieces of clothing (14 x 14 pixels and a margin), each turned by a random angle"
            " between 0 and 90 degrees, which is the label; 1,000 others to test. Error: absolute,"
            " in degrees, of a ridge regression on the frozen vectors, for all arms. Order: rank"
            " correlation of distances of vectors with differences of angles. SupCon has bins of 15"
            " degrees. Angles hardly repeat, so without Mix-pos labels within 0.05 deviations count"
            " as equal."
        ),
    ),
)
