"""What objectives of preferences share: log-ratios, the two answers of a pair, means over tokens.

All take one form: (n, k) log-probabilities of the k answers of n prompts, the best answer first. A
pair has k = 2, the chosen answer and the rejected one; a point k = 1 with its rating; a list any k.
Without length normalisation they are sums over the tokens of an answer (`logps`), with it their
means (`mean_logps`): which of the two is an input, so `dpo` on means is `given(logps="mean_logps",
ref_logps="ref_mean_logps")`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.dimensions.moments import total_everywhere, wide

Form = Literal["pair", "points", "list"]


class Preference(Objective):
    """An objective of preferences.

    answers: what it reads of a prompt: a `pair`, any number of rated `points`, or a `list`.
    """

    answers: ClassVar[Form] = "pair"


def log_ratio(logps: Tensor, ref_logps: Tensor) -> Tensor:
    """log pi(y | x) - log ref(y | x), in float32 at least."""
    return wide(logps) - wide(ref_logps)


def pair(x: Tensor, name: str = "logps") -> tuple[Tensor, Tensor]:
    """(n,) and (n,): of the chosen answers and of the rejected ones."""
    if x.shape[1] != 2:
        raise InputError(
            f"{name}: found {x.shape[1]} answers of a prompt, expected 2: the chosen and the "
            "rejected one"
        )
    chosen, rejected = x.unbind(1)
    return chosen, rejected


def good_and_there(ratings: Tensor, there: Tensor | None) -> tuple[Tensor, Tensor]:
    """(n, k) booleans: which answers are good (rated above 0.5), and which of them are there."""
    kept = torch.ones_like(ratings, dtype=torch.bool) if there is None else there
    return ratings > 0.5, kept


def of_lists(like: Tensor, there: Tensor | None) -> tuple[Tensor, Tensor]:
    """Of lists of answers (n, k): which answers are there, and which rows (n,) count: those of two
    or more. Of the others all are there, for a softmax of nothing is nan."""
    kept = torch.ones_like(like, dtype=torch.bool) if there is None else there
    counted = kept.sum(1) > 1
    return kept | ~counted[:, None], counted


def token_mean(logps: Tensor, lengths: Tensor) -> Tensor:
    """One mean over the tokens of all answers of all processes, from their sums (n,); a scalar."""
    tokens = total_everywhere(lengths.sum().to(logps.dtype))
    return total_everywhere(logps.sum()) / tokens.clamp(min=1)
