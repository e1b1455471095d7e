"""Gradient caching: the gradient of a large batch at the memory of a small one."""

from __future__ import annotations

import numpy as np

from dipole.claims import AtLeast, AtMost, Claim, Inequality
from dipole.claims.study.budget import parse_budget
from dipole.claims.study.cells import Cell, default_root
from dipole.claims.study.running import FAILED, run_study
from dipole.data import Labeled, load_labeled
from dipole.errors import RunError

CHUNKS = (1, 7, 64)
LARGE, SMALL = 512, 16


def experiment(seed: int, quick: bool) -> dict[str, float]:
    """Largest difference between the gradients of a batch of 64, whole and in chunks.

    Dropout is on; each chunk draws the same numbers in both. Divided by the largest gradient.
    """
    import torch
    from torch import nn

    from dipole.objectives import InfoNCE
    from dipole.training.gradient_cache import encode_chunks

    torch.manual_seed(seed)
    layers = [nn.Linear(20, 64), nn.Tanh(), nn.Dropout(0.3), nn.Linear(64, 16)]
    tower = nn.Sequential(*layers).double()
    x, y = torch.randn(2, 64, 20, dtype=torch.double)
    objective = InfoNCE(temperature=0.05)
    found = peaks(seed, quick)
    for chunk in CHUNKS:
        gradients = []
        for cached in (False, True):
            torch.manual_seed(seed)
            sides = []
            for side in (x, y):
                pieces = [{"x": part} for part in side.split(chunk)]
                if cached:
                    sides.append(encode_chunks(lambda features: tower(features["x"]), pieces))
                else:
                    sides.append(torch.cat([tower(piece["x"]) for piece in pieces]))
            loss = objective(*sides)
            parts = torch.autograd.grad(loss, list(tower.parameters()))
            gradients.append(torch.cat([part.flatten() for part in parts]))
        whole, pieces_ = gradients
        found[f"error, chunks of {chunk}"] = float(
            (whole - pieces_).abs().max() / whole.abs().max()
        )
    return found


def images(part: str, quick: bool) -> Labeled:
    """The first 1,024 images of Fashion-MNIST at their full 28 x 28; digits in a quick run."""
    examples = load_labeled("digits" if quick else "fashion-mnist", split=part)
    return examples.select(np.arange(300 if quick else 1024))


def peaks(seed: int, quick: bool) -> dict[str, float]:
    """Peak memory (MB) of processes that make two steps on images, as their whole."""
    settings = {
        "data": "dipole.claims.grad_cache:images",
        "encoder": "conv",
        "encoder_options": {"widths": [64, 128, 128, 256]},
        "view": ["weak"],
    }
    large = 64 if quick else LARGE
    sizes: dict[str, dict[str, int]] = {
        "memory, batch 16": {"batch_size": SMALL},
        "memory, batch 512, whole": {"batch_size": large},
        "memory, batch 512, chunks of 16": {"batch_size": large, "chunk": SMALL},
    }
    cells = [Cell(name, seed, settings | size, (), quick=quick) for name, size in sizes.items()]
    rows = run_study(cells, parse_budget("2steps"), default_root())
    for row in rows:
        if row.state == FAILED:
            raise RunError(f"grad-cache: {row.cell.arm}: {row.error}")
    return {row.cell.arm: row.cost.peak_mb for row in rows}


CLAIM = Claim(
    system="grad-cache",
    source="Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited "
    "Setup, arXiv 2101.06983",
    sentence="A large batch encoded in chunks has exactly its own gradient at the memory of a "
    "small batch, and learns more than the small batch does.",
    data="stdlib-code",
    settings={
        "encoder": "static",
        "encoder_options": {"dim": 128, "vocabulary": 8192, "buckets": 2048},
        "objective": "infonce",
        "temperature": 0.07,
    },
    arms={
        "batch 16": {"batch_size": SMALL},
        "batch 512, chunks of 16": {"batch_size": LARGE, "chunk": SMALL},
    },
    measures=["retrieval"],
    experiment=experiment,
    budget="8epochs",
    seeds=4,
    holds=[
        *(AtMost(f"error, chunks of {chunk}", 1e-6, every=True) for chunk in CHUNKS),
        Inequality(
            {"memory, batch 16": 1.3, "memory, batch 512, chunks of 16": -1.0},
            least=0.0,
            on="value",
            says="peak memory: batch 512 in chunks of 16 <= 1.3 x batch 16",
        ),
        Inequality(
            {"memory, batch 512, whole": 1.0, "memory, batch 16": -1.3},
            least=0.0,
            on="value",
            says="peak memory: batch 512 as a whole >= 1.3 x batch 16",
        ),
        AtLeast("batch 512, chunks of 16", "batch 16", by=3.0, on="MRR@10"),
    ],
    picture="MRR@10",
    notes="Equal examples are seen by both batch sizes. Memory is that of whole processes, "
    "libraries included, which make two steps of a convolutional tower on 28 x 28 images; the "
    "whole batch shows that the measure can tell. Errors are relative to the largest gradient.",
)
