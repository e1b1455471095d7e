"""GRAM: the volume that several modalities span, instead of one pair at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from dipole.studies.claim import AtLeast, Claim
from dipole.studies.loops import descend
from dipole.systems.base import System

STEPS, BATCH = 400, 128


class Summed(nn.Module):
    """InfoNCE on the sum of the cosines of the first modality with every other one."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(temperature))))

    def forward(self, views: Tensor) -> Tensor:
        logits = sum(views[0] @ other.T for other in views[1:]) / self.log_temperature.exp()
        target = torch.arange(len(logits))
        cross_entropy = nn.functional.cross_entropy
        return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """Per arm: is the bundle of three quadrants found from the fourth? Per test image."""
    from sklearn.datasets import load_digits

    from dipole.objectives import GRAM, Modalities

    pixels = torch.from_numpy(load_digits().images / 16.0).float()
    quarters = [pixels[:, i : i + 4, j : j + 4].flatten(1) for i in (0, 4) for j in (0, 4)]
    train = [x[:1300] for x in quarters]
    test = [x[1300:] for x in quarters]
    arms = {
        "gram": GRAM(),
        "pairs": Modalities(learn_temperature=True, centre=True),
        "summed": Summed(),
    }
    found: dict[str, np.ndarray | float] = {}
    for name, objective in arms.items():
        towers = trained(train, objective, seed, steps=3 if quick else STEPS)
        with torch.no_grad():
            views = torch.stack([unit(tower(x)) for tower, x in zip(towers, test, strict=True)])
        if name == "gram":
            scores = -volumes(views).numpy()
        else:
            scores = sum(views[0] @ other.T for other in views[1:]).numpy()
        rank = (scores > np.diag(scores)[:, None]).sum(1)
        found[f"Recall@1, {name}"] = 100.0 * (rank < 1)
        found[f"Recall@10, {name}"] = 100.0 * (rank < 10)
    return found


def volumes(views: Tensor) -> Tensor:
    """sqrt(det G) of the first view of i with the others of j, (n, n); G: their inner products."""
    n = views.shape[1]
    one = views[0][:, None].expand(n, n, -1)
    rest = [view[None].expand(n, n, -1) for view in views[1:]]
    x = torch.stack([one, *rest], 2).double()
    return torch.linalg.det(x @ x.mT).clamp(min=0).sqrt()


def unit(x: Tensor) -> Tensor:
    """Rows of length 1."""
    return nn.functional.normalize(x, dim=-1)


def trained(train: list[Tensor], objective: nn.Module, seed: int, *, steps: int) -> nn.ModuleList:
    """A perceptron with one hidden layer per modality, to 32 dimensions."""
    torch.manual_seed(seed)
    layers = [nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 32)) for _ in train]
    towers = nn.ModuleList(layers)
    generator = torch.Generator().manual_seed(seed)

    def losses() -> Iterator[Tensor]:
        for _ in range(steps):
            rows = torch.randperm(len(train[0]), generator=generator)[:BATCH]
            vectors = [unit(tower(x[rows])) for tower, x in zip(towers, train, strict=True)]
            yield objective(torch.stack(vectors))

    descend([*towers.parameters(), *objective.parameters()], losses())
    return towers


SYSTEM = System(
    id="gram",
    paper=(
        "Cicchetti et al. 2024, Gramian Multimodal Representation Learning and Alignment, "
        "arXiv 2412.11959"
    ),
    claim=Claim(
        sentence=(
            "Aligning all modalities at once, by the volume they span, retrieves better than "
            "aligning each with an anchor."
        ),
        experiment=experiment,
        seeds=8,
        holds=[
            AtLeast("Recall@1, gram", "Recall@1, pairs", by=1.0),
            AtLeast("Recall@10, gram", "Recall@10, pairs"),
        ],
        notes=(
            "The four quadrants of scikit-learn's digits are the modalities: 1,300 digits to train,"
            " 497 to test; from the first quadrant the other three are to be found. `summed`,"
            " InfoNCE on the sum of the three cosines, is shown beside and asked nothing of: it,"
            " too, looks at all modalities at once."
        ),
    ),
)
