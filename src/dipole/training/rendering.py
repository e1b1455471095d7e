"""Views: one example, several columns of a batch.

Of an example without a partner view 0 is the `anchor`, view 1 the `positive`, the others are
`view_2`, `view_3`, ...; together they are the `views` of an objective. Of pairs a side may have a
view: it is the side, or stands beside it as `anchor_view` or `positive_view`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.encoders.base import Encoder, Features, Role
from dipole.errors import InputError
from dipole.kernels.draws import RowGenerator, keys
from dipole.views.base import View

Columns = dict[str, list[Features]]
# The side of a pair -> the role it is encoded in.
ROLES: dict[str, Role] = {"": "document", "anchor": "query", "positive": "document"}


def view_name(index: int) -> str:
    """The column of a view."""
    return ("anchor", "positive")[index] if index < 2 else f"view_{index}"


@dataclass(frozen=True)
class SideView:
    """A view of one side of pairs, `anchor` or `positive`, and the column that it makes."""

    side: str
    column: str
    view: View


def prepare(
    encoder: Encoder, inputs: Sequence[Any], role: Role, chunk: int | None, keys: Tensor
) -> list[Features]:
    """Features of inputs, in pieces of at most `chunk`; `keys` (n,) decide what they draw."""
    size = chunk or len(inputs)
    parts = [slice(start, start + size) for start in range(0, len(inputs), size)]
    return [encoder.keyed(encoder.prepare(inputs[part], role), keys[part]) for part in parts]


def prepare_views(
    encoder: Encoder,
    inputs: list[Any],
    views: Sequence[View],
    *,
    chunk: int | None,
    seed: tuple[int, ...],
    start: int = 0,
) -> Columns:
    """A column for each view; those that work on features are given the whole batch, by `render`.

    What a view draws of raw inputs, and what the encoder draws, is a function of (seed, number of
    the view, row); `start`: the place of the first row in the batch of all processes.
    """
    return prepare_sides(encoder, {"": inputs}, views, chunk=chunk, seed=seed, start=start)


def prepare_sides(
    encoder: Encoder,
    sides: Mapping[str, list[Any]],
    views: Sequence[View],
    *,
    chunk: int | None,
    seed: tuple[int, ...],
    start: int = 0,
) -> Columns:
    """The same of the inputs of the side that each view is of."""
    columns: Columns = {}
    plains: dict[str, Features] = {}
    for index, view in enumerate(views):
        inputs, role = sides[view.of_side], ROLES[view.of_side]
        rows = start + np.arange(len(inputs))
        name, drawn = view_name(index), keys((*seed, index, 1), rows)
        if view.on == "inputs":
            rendered = view(inputs, RowGenerator((*seed, index), start))
            columns[name] = prepare(encoder, rendered, role, chunk, drawn)
        else:
            if view.of_side not in plains:
                plains[view.of_side] = encoder.prepare(inputs, role)
            columns[name] = [encoder.keyed(plains[view.of_side], drawn)]
    return columns


def prepare_side(
    encoder: Encoder,
    inputs: list[Any],
    role: Role,
    view: View,
    *,
    chunk: int | None,
    seed: tuple[int, ...],
    start: int = 0,
) -> list[Features]:
    """The pieces of a view of one side; one that works on features is given all, by `render`."""
    drawn = keys((*seed, 1), start + np.arange(len(inputs)))
    if view.on == "inputs":
        inputs = view(inputs, RowGenerator((*seed, 2), start))
        return prepare(encoder, inputs, role, chunk, drawn)
    return [encoder.keyed(encoder.prepare(inputs, role), drawn)]


@torch.no_grad()
def render(
    columns: Columns, views: Sequence[View], chunk: int | None, sides: Sequence[SideView] = ()
) -> Columns:
    """The columns with the views of features drawn, and cut into pieces.

    Drawn for the whole batch, so that the size of a piece changes no view; drawn before the
    encoder, so that the gradient cache encodes the same view twice.
    """
    for one in sides:
        if one.view.on == "features" and one.column in columns:
            (whole,) = columns[one.column]
            columns = columns | {one.column: cut(_of_tower(one.view, whole), chunk)}
    if all(view.on == "inputs" for view in views):
        return columns
    drawn = [
        pieces
        for index, view in enumerate(views)
        for pieces in _drawn(view, columns[view_name(index)], chunk)
    ]
    names = {view_name(index) for index in range(len(views))}
    rest = {name: pieces for name, pieces in columns.items() if name not in names}
    return {view_name(index): pieces for index, pieces in enumerate(drawn)} | rest


def _of_tower(view: View, features: Features) -> Features:
    """The view of features that a role's tower may have marked, `query.image`."""
    start, plain = _without_tower(features)
    return {start + name: tensor for name, tensor in view(plain).items()}


def _drawn(view: View, pieces: list[Features], chunk: int | None) -> Iterator[list[Features]]:
    if view.on == "inputs":
        yield pieces
        return
    (whole,) = pieces
    tower, plain = _without_tower(whole)
    found = view(plain)
    for features in found if isinstance(found, list) else [found]:
        yield cut({tower + name: x for name, x in features.items()}, chunk)


def _without_tower(features: Features) -> tuple[str, Features]:
    """What stands before the names of features of one tower among several, and they without it."""
    first = {name.rpartition(".")[0] for name in features}
    (tower,) = first if len(first) == 1 else {""}
    cut_off = f"{tower}." if tower else ""
    return cut_off, {name.removeprefix(cut_off): x for name, x in features.items()}


def cut(features: Features, chunk: int | None) -> list[Features]:
    """Features whose every tensor has one row per example, in pieces of at most `chunk` rows."""
    if chunk is None:
        return [features]
    sizes = {name: len(tensor) if tensor.dim() else 0 for name, tensor in features.items()}
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise InputError(
            f"chunk: found features of different lengths ({found}); expected one row per example: "
            "no --chunk, or a view of raw inputs"
        )
    parts: dict[str, Sequence[Tensor]] = {k: v.split(chunk) for k, v in features.items()}
    count = len(next(iter(parts.values())))
    return [{name: part[i] for name, part in parts.items()} for i in range(count)]
