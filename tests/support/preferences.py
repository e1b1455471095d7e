"""Pairs of answers for the tests of objectives of preferences, and two lines of their oracles."""

import math
from dataclasses import replace

import torch

from support.spec import draw


def pairs(*names):
    """`Spec.draw` of two answers of a prompt for the inputs of these names."""

    def made(sizes, generator):
        return {name: draw(name, replace(sizes, k=2), generator) for name in names}

    return made


RATIOS = pairs("logps", "ref_logps")


def log_sigmoid(x):
    """log of 1 / (1 + e^-x)."""
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-x))


def ratios(logps, ref_logps):
    """(chosen, rejected) log-ratios of every pair."""
    return [(p[0] - q[0], p[1] - q[1]) for p, q in zip(logps, ref_logps, strict=True)]


def zeros(*shape):
    """Log-probabilities of a policy that is the reference."""
    return torch.zeros(*shape, dtype=torch.float64)
