"""How well a language model foresees texts: log-probabilities of their tokens, perplexity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from dipole.encoders.base import Encoder
from dipole.encoders.evaluating import evaluating
from dipole.encoders.precision import at_precision
from dipole.errors import InputError

LIKELIHOOD, PERPLEXITY = "log-likelihood", "perplexity"


def foresees(encoder: Encoder) -> bool:
    """Whether an encoder gives the log-probabilities of the tokens of a text."""
    return "logps" in encoder.shows


def log_likelihoods(encoder: Encoder, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of every text sum_{t > 1} log p(x_t | x_1 ... x_t-1), of one with `answer_after` over its
    answer, and how many tokens that is.

    Both (n,). In eval mode, without gradient; texts of similar length are read together.
    """
    model, device = evaluating(encoder), encoder.device
    sums, counts = np.zeros(len(texts)), np.zeros(len(texts), dtype=np.int64)
    for rows, features in model.batches(texts, "document", encoder.default_budget()):
        with torch.no_grad(), at_precision(device, encoder.dtype):
            on_device = {name: x.to(device) for name, x in features.items()}
            found: Any = model.outputs(on_device, ("logps", "foreseen"))
        sums[rows] = found["logps"].double().sum(1).cpu().numpy()
        counts[rows] = found["foreseen"].sum(1).cpu().numpy()
    return sums, counts


def likelihood_measure(texts: Sequence[str], origin: str) -> Callable[[Encoder], dict[str, float]]:
    """What a validation measures of held-out texts: the mean log-probability of a token, in nats,
    and the perplexity, exp of minus that."""

    def measure(encoder: Encoder) -> dict[str, float]:
        sums, counts = log_likelihoods(encoder, texts)
        if not counts.sum():
            raise InputError(
                f"validation: {origin}: found no text of two tokens or more; expected some"
            )
        mean = float(sums.sum() / counts.sum())
        return {LIKELIHOOD: mean, PERPLEXITY: math.exp(-mean)}

    return measure
