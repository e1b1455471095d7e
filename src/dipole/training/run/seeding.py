"""Global generators of a step: seeded by (seed, step, rank), so resuming needs no RNG state."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed Python's, NumPy's and torch's generators for one step of one process.

    Dropout and views then draw the same numbers in a resumed run as in one that was never
    stopped, whatever ran in between (a validation, a checkpoint, another library).
    """
    words = np.random.SeedSequence((seed, step, rank)).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.manual_seed((int(words[2]) << 32) | int(words[3]))
