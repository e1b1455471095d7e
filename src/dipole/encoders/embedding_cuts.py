"""What views do to the embeddings of a transformer's tokens, behind their normalisation.

A view of tokens says it with features that a transformer alone would not know:

    places        (n, t)  the position every token is given: 0, 1, 2 ... in another order
    token_kept    (n, t)  0 where a token's embedding is zero
    feature_seed, feature_rate  (n, 1)  of which draw and how many dimensions are zero
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from dipole.encoders.base import Features
from dipole.errors import InputError
from dipole.kernels.draws import uniform
from dipole.views.dropout import DROPOUT
from dipole.views.tokens import PLACES, RATE, SEED, TOKENS

CUTS = {PLACES, TOKENS, SEED, RATE}
# What is kept of the embeddings and the places of the tokens, in this thread: others may encode at
# the same time.
_kept: ContextVar[Tensor | None] = ContextVar("kept", default=None)
_places: ContextVar[Tensor | None] = ContextVar("places", default=None)


@contextmanager
def as_cut(transformer: Any, features: Features) -> Iterator[Features]:
    """Features as the transformer takes them; inside, it does to its embeddings what views asked
    for. Vectors of a trained prompt that stand in front of a text stay as they are."""
    if not CUTS & features.keys():
        yield {name: x for name, x in features.items() if name != DROPOUT}
        return
    plain = {name: x for name, x in features.items() if name not in CUTS | {DROPOUT}}
    tables = getattr(transformer, "embeddings", None)
    if PLACES in features:
        table = _part(transformer, tables, "position_embeddings", "table of positions")
        if _move not in table._forward_pre_hooks.values():
            table.register_forward_pre_hook(_move)
    kept: Tensor | None = None
    if TOKENS in features or SEED in features:
        norm = _part(transformer, tables, "LayerNorm", "normalisation of its embeddings")
        if _cut not in norm._forward_hooks.values():
            norm.register_forward_hook(_cut)
        n, t = plain["input_ids"].shape
        dim = int(transformer.config.hidden_size)
        kept = torch.ones(n, t, dim, dtype=torch.bool, device=plain["input_ids"].device)
        if TOKENS in features:
            kept &= features[TOKENS].bool()[:, :, None]
        if SEED in features:
            kept &= dimensions_kept(features, dim)[:, None]
    tokens = _kept.set(kept), _places.set(features.get(PLACES))
    try:
        yield plain
    finally:
        _kept.reset(tokens[0])
        _places.reset(tokens[1])


def dimensions_kept(features: Features, dim: int) -> Tensor:
    """Which dimensions of a row's embeddings are not zero, (n, dim) bool: floor(rate dim) are."""
    rank = uniform(features[SEED][:, 0], dim).argsort(1).argsort(1)
    return rank >= (features[RATE] * dim).floor()


def _cut(_: nn.Module, inputs: tuple[Tensor, ...], x: Tensor) -> Tensor | None:
    """A hook that stays: it does nothing but inside `as_cut`."""
    kept = _kept.get()
    if kept is None:
        return None
    front = x.shape[1] - kept.shape[1]
    return x.masked_fill(nn.functional.pad(~kept, (0, 0, front, 0), value=False), 0)


def _move(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """Another hook: the positions of a text's tokens, in the order of their places."""
    places, positions = _places.get(), inputs[0]
    if places is None:
        return None
    positions = positions.expand(len(places), -1)
    front, own = positions.split([positions.shape[1] - places.shape[1], places.shape[1]], 1)
    return (torch.cat([front, own.gather(1, places)], 1), *inputs[1:])


def _part(transformer: Any, tables: Any, name: str, what: str) -> Any:
    if not hasattr(tables, name):
        raise InputError(
            f"view: found {type(transformer).__name__}, which has no {what}; expected BERT or its "
            "like"
        )
    return getattr(tables, name)
