"""Log-probabilities of tokens without the logits of the vocabulary for a whole batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# Logits that exist at a time: 64 MB in float32.
LOGITS = 2**24

Head = Callable[[Tensor], Tensor]


def picked(
    states: Tensor, head: Head, targets: Tensor, vocabulary: int, *, logits: int = LOGITS
) -> Tensor:
    """log softmax(head(states_i))[targets_i] of every state, (n,), float32 at least.

    The states are cut into pieces of `logits` / `vocabulary` rows. The forward keeps the numbers of
    each piece and not its logits; the backward makes these again, one piece at a time, which is
    exact: the gradient of the states and of the head is that of the whole. A batch of 8 answers of
    1,000 tokens with a vocabulary of 128,000 would keep 4 GB of logits, and as much for their
    gradient.

    Args:
        states: (n, d) of the tokens before the targets.
        head: states -> logits, (n, vocabulary).
        targets: (n,) integers.
    """
    rows = max(1, logits // vocabulary)
    pieces = list(zip(states.split(rows), targets.split(rows), strict=True))
    if not pieces:
        return states.new_zeros(0)
    if len(pieces) == 1 or not torch.is_grad_enabled():
        return torch.cat([_of_piece(part, of, head) for part, of in pieces])
    return torch.cat(
        [checkpoint(_of_piece, part, of, head, use_reentrant=False) for part, of in pieces]
    )


def _of_piece(states: Tensor, targets: Tensor, head: Head) -> Tensor:
    logits = head(states)
    logits = logits.float() if logits.element_size() < 4 else logits
    own = logits.gather(1, targets[:, None]).squeeze(1)
    return own - logits.logsumexp(1)
