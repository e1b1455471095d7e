"""Matryoshka around the objective of a training; its settings are `matryoshka.KEY` among the
objective's options, and stay where another objective is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dipole.data.options import check_names, check_types, keywords

if TYPE_CHECKING:
    from dipole.objectives.contract.base import Objective

_PREFIX = "matryoshka."


def of_around(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of the options of an objective those of what stands around it.

    >>> of_around({"sigma": 0.5, "matryoshka.layers": True})
    {'matryoshka.layers': True}
    """
    return {key: value for key, value in options.items() if key.startswith(_PREFIX)}


def of_objective(options: Mapping[str, Any]) -> dict[str, Any]:
    """The others: those of the objective itself."""
    return {key: value for key, value in options.items() if not key.startswith(_PREFIX)}


def with_around(own: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a source or a kind of data, with what stands around every objective."""
    outer = of_around(common["objective_options"])
    if not outer or own.keys().isdisjoint({"objective", "objective_options"}):
        return dict(own)
    return {**own, "objective_options": {**outer, **own.get("objective_options", {})}}


def around(objective: Objective, dims: Sequence[int], options: Mapping[str, Any]) -> Objective:
    """The objective, also on the first `dims` dimensions and as the options have it."""
    from dipole.objectives.dimensions.matryoshka import Matryoshka

    own = {key.removeprefix(_PREFIX): value for key, value in of_around(options).items()}
    check_names(own, keywords(Matryoshka), "objective option", "matryoshka")
    check_types(Matryoshka.__init__, own, "objective option")
    return Matryoshka(objective, dims, **own) if dims or any(own.values()) else objective
