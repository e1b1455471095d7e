"""Gradient caching: the gradient of a large batch at the memory of a small one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Labeled, load_labeled
from dipole.errors import RunError
from dipole.objectives import InfoNCE
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell, default_root
from dipole.studies.claim import AtLeast, AtMost, Claim, Inequality
from dipole.studies.running import FAILED, run_study
from dipole.systems.base import System
from dipole.training.gradient_cache import encode_chunks
from dipole.training.recipe import Recipe

CHUNKS = (1, 7, 16, 64)
LARGE, SMALL = 512, 16


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """Peak memories, and the largest difference between gradients of a batch of 64, in double.

    Of chunks that are cached and chunks whose graphs all stay: dropout is on, and drawn alike. And,
    without dropout, of chunks that are cached and the whole batch. Divided by the largest gradient.
    """
    torch.manual_seed(seed)
    layers = [nn.Linear(20, 64), nn.Tanh(), nn.Dropout(0.3), nn.Linear(64, 16)]
    tower = nn.Sequential(*layers).double()
    x, y = torch.randn(2, 64, 20, dtype=torch.double)
    objective = InfoNCE(temperature=0.05)

    def encode(features: dict[str, Tensor]) -> Tensor:
        vectors: Tensor = tower(features["x"])
        return vectors

    def cached(side: Tensor, size: int) -> Tensor:
        return encode_chunks(encode, [{"x": part} for part in side.split(size)])

    def plain(side: Tensor, size: int) -> Tensor:
        return torch.cat([tower(part) for part in side.split(size)])

    def gradient(way: Callable[[Tensor, int], Tensor], size: int) -> Tensor:
        torch.manual_seed(seed)
        loss = objective(way(x, size), way(y, size))
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [*tower.parameters()])])

    found = peaks(quick)
    for chunk in CHUNKS:
        worst = 0.0
        for dropout, size in ((True, chunk), (False, len(x))):
            tower.train(dropout)
            expected = gradient(plain, size)
            error = (gradient(cached, chunk) - expected).abs().max() / expected.abs().max()
            worst = max(worst, float(error))
        found[f"error, chunks of {chunk}"] = worst
    return found


def images(part: str, quick: bool) -> Labeled:
    """1,024 images of CIFAR-10 at their full 32 x 32; digits in a quick run."""
    if quick:
        return load_labeled("digits", split=part).select(np.arange(300))
    first = 0 if part == "train" else 1024
    return load_labeled("cifar10", split="train").select(np.arange(first, first + 1024))


def peaks(quick: bool) -> dict[str, float]:
    """Peak memory (MB) of processes that make two steps on images, measured once for all seeds."""
    settings = {
        "data": f"{__name__}:images", "encoder": "conv",
        "encoder_options": {"widths": [32, 64, 64, 128]}, "view": ["weak"],
        "objective": "infonce", "objective_options": {"symmetric": False},
    }  # fmt: skip
    large = 64 if quick else LARGE
    sizes: dict[str, dict[str, int]] = {
        "memory, batch 16": {"batch_size": SMALL},
        "memory, batch 512, whole": {"batch_size": large},
        "memory, batch 512, chunks of 16": {"batch_size": large, "chunk": SMALL},
    }
    cells = [Cell(name, 0, settings | size, (), quick=quick) for name, size in sizes.items()]
    jobs = 0 if quick else 1
    rows = run_study(cells, parse_budget("2steps"), default_root(), jobs=jobs, alone=True)
    for row in rows:
        if row.state == FAILED:
            raise RunError(f"grad-cache: {row.cell.arm}: {row.error}")
    return {row.cell.arm: row.cost.peak_mb for row in rows}


# As the paper trains a retriever on one GPU: batches of 128 pairs in pieces of 16.
RECIPE = Recipe(
    wants=["pairs", "triplets"],
    objective="infonce",
    objective_options={"symmetric": False},
    batch_size=128,
    chunk=16,
)
SYSTEM = System(
    id="grad-cache",
    paper=(
        "Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited "
        "Setup, arXiv 2101.06983"
    ),
    recipe=RECIPE,
    claim=Claim(
        sentence=(
            "A large batch encoded in chunks has exactly its own gradient, at nearly the memory of"
            " a small batch."
        ),
        bench="pairs",
        arms={
            "batch 64, chunks of 16": {"chunk": SMALL},
            "batch 16": {"chunk": None, "batch_size": SMALL},
        },
        experiment=experiment,
        primary=AtMost("error, chunks of 16", 1e-10, every=True),
        reported=(
            "an exact gradient, by derivation (section 3); top-20 accuracy on Natural Questions"
            " of 79.3 on one GPU with 11 GB at batch 128, against 78.4 of DPR on eight, and 71.9"
            " with a batch of 8 that fits (table 1)"
        ),
        secondary=[
            *(AtMost(f"error, chunks of {n}", 1e-10, every=True) for n in CHUNKS if n != SMALL),
            AtMost("memory, batch 512, chunks of 16", "memory, batch 512, whole", every=True),
            Inequality(
                {"memory, batch 16": 1.3, "memory, batch 512, chunks of 16": -1.0},
                least=0.0,
                on="value",
                says="peak memory: batch 512 in chunks of 16 <= 1.3 x batch 16",
                every=True,
            ),
            AtLeast("batch 64, chunks of 16", "batch 16", on="MRR@10"),
        ],
        needs=["cifar10"],
        notes=(
            "Errors: the largest difference between two gradients of a batch of 64 in double"
            " precision, relative to the largest gradient: of chunks that are cached and chunks"
            " whose graphs all stay, with dropout that is drawn alike; and without dropout, of"
            " chunks that are cached and the whole batch. Memory is that of whole processes,"
            " libraries included, which make two steps of a convolutional tower on images of 32 x"
            " 32; the whole batch shows that the measure can tell; it is measured once. The arms of"
            " the bench see as many examples, in batches of 16 and of 64 in chunks of 16."
        ),
        lesson="A large batch in chunks has the gradient of the whole, at little more memory.",
    ),
)
