"""MaxSim of texts whose tokens have vectors, as a function of padded tensors."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dipole.errors import InputError
from dipole.kernels.blocks import late_interaction

# The most products of two tokens that exist at once: 4 MB of float32.
PRODUCTS = 2**20


def maxsim(
    queries: Tensor,
    documents: Tensor,
    query_mask: Tensor | None = None,
    document_mask: Tensor | None = None,
    *,
    products: int = PRODUCTS,
) -> Tensor:
    """MaxSim of every query with every document: for each token of a query the best of the
    document's, summed.

        s_ij = sum_t max_s q_it . d_js

    At most `products` products of tokens exist at once, in the backward too, where they are
    computed again; the gradient is exact. Products are of float32, whatever the tokens are.

    Args:
        queries: (n, t, d).
        documents: (m, s, d).
        query_mask: (n, t) of bools, False for padding, which adds nothing; None: all are there.
        document_mask: (m, s), False for padding, which is never the best; at least one token each.

    Returns:
        Scores (n, m), float32.

    Raises:
        InputError: shapes that do not fit; a document without a token.

    Source: Khattab and Zaharia 2020, ColBERT, arXiv 2004.12832, equation 3.

    Example:
        >>> query, documents = torch.eye(2)[None], torch.tensor([[[1.0, 0.0]], [[0.6, 0.8]]])
        >>> maxsim(query, documents).tolist()
        [[1.0, 1.399999976158142]]
    """
    q, q_mask = _checked(queries, query_mask, "queries")
    d, d_mask = _checked(documents, document_mask, "documents")
    if q.shape[2] != d.shape[2]:
        raise InputError(
            f"maxsim: tokens of {q.shape[2]} and {d.shape[2]} numbers; expected as many"
        )
    _check_rows(d_mask)
    edge = max(1, math.isqrt(products // max(q.shape[1] * d.shape[1], 1)))
    down = min(len(q), edge) or 1
    across = max(1, products // max(down * q.shape[1] * d.shape[1], 1))
    rows = []
    for i in range(0, len(q), down):
        parts = [
            _again(_tile, q[i : i + down], q_mask[i : i + down], d[j : j + across],
                   d_mask[j : j + across])
            for j in range(0, len(d), across)
        ]  # fmt: skip
        rows.append(torch.cat(parts, 1) if parts else q.new_zeros(len(q[i : i + down]), 0).float())
    return torch.cat(rows) if rows else q.new_zeros(0, len(d)).float()


def maxsim_pairs(
    queries: Tensor,
    documents: Tensor,
    query_mask: Tensor | None = None,
    document_mask: Tensor | None = None,
    *,
    products: int = PRODUCTS,
) -> Tensor:
    """`maxsim` of each query with the document in its place, (n,) float32.

    Shapes: queries (n, t, d); documents (n, s, d); masks (n, t) and (n, s).

    Example:
        >>> maxsim_pairs(torch.eye(2)[None], torch.tensor([[[0.6, 0.8]]])).tolist()
        [1.399999976158142]
    """
    q, q_mask = _checked(queries, query_mask, "queries")
    d, d_mask = _checked(documents, document_mask, "documents")
    if len(q) != len(d) or q.shape[2] != d.shape[2]:
        raise InputError(
            f"maxsim_pairs: found queries {tuple(q.shape)} and documents {tuple(d.shape)}; expected"
            " (n, t, d) and (n, s, d)"
        )
    _check_rows(d_mask)
    step = max(1, products // max(q.shape[1] * d.shape[1], 1))
    parts = [
        _again(_pairs, *(x[i : i + step] for x in (q, q_mask, d, d_mask)))
        for i in range(0, len(q), step)
    ]
    return torch.cat(parts) if parts else q.new_zeros(0).float()


def _tile(q: Tensor, q_mask: Tensor, d: Tensor, d_mask: Tensor) -> Tensor:
    with torch.autocast(q.device.type, enabled=False):
        score: Tensor = late_interaction().fn(q.float(), q_mask, d.float(), d_mask)
    return score


def _pairs(q: Tensor, q_mask: Tensor, d: Tensor, d_mask: Tensor) -> Tensor:
    with torch.autocast(q.device.type, enabled=False):
        tokens = q.float() @ d.float().transpose(1, 2)
    best = tokens.masked_fill(~d_mask[:, None], -torch.inf).amax(2)
    return best.masked_fill(~q_mask, 0).sum(1)


def _again(tile: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """A tile that keeps its inputs alone for the backward."""
    if torch.is_grad_enabled() and any(x.requires_grad for x in tensors):
        found: Tensor = checkpoint(tile, *tensors, use_reentrant=False, preserve_rng_state=False)
        return found
    return tile(*tensors)


def _checked(tokens: Tensor, mask: Tensor | None, name: str) -> tuple[Tensor, Tensor]:
    if tokens.dim() != 3:
        raise InputError(f"maxsim: {name} have shape {tuple(tokens.shape)}; expected (n, t, d)")
    if mask is None:
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
    if mask.shape != tokens.shape[:2]:
        raise InputError(
            f"maxsim: the mask of {name} has shape {tuple(mask.shape)}; expected "
            f"{tuple(tokens.shape[:2])}"
        )
    return tokens, mask.bool()


def _check_rows(mask: Tensor) -> None:
    if not mask.any(1).all():
        raise InputError("maxsim: found a document without any token; expected at least one")
