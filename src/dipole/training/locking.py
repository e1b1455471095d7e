"""Weights that stay as they are, and towers whose vectors are then computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn

from dipole.encoders.two_towers import ROLES, Stored, TwoTowers
from dipole.errors import InputError
from dipole.training.batches import ENCODED, LISTS

if TYPE_CHECKING:
    from dipole.data import Examples
    from dipole.encoders.base import Encoder


@contextmanager
def locked(
    encoder: Encoder, names: Sequence[str], *examples: Examples, show_progress: bool = False
) -> Iterator[None]:
    """Inside, the encoder's weights whose name starts with one of `names` are not trained.

    A tower of `TwoTowers` that is locked as a whole stays in eval mode, and all its inputs are
    encoded before the first step, in one pass: a step then costs what the other tower costs.

    Source: Zhai et al. 2021, LiT: Zero-Shot Transfer with Locked-image text Tuning, arXiv
    2111.07991 (the towers' letters: L is a locked pretrained tower, U an unlocked one, u one from
    scratch; a warm-up locks in the first stage and not in the second).
    """
    before = {parameter: parameter.requires_grad for parameter in encoder.parameters()}
    for name in names:
        _lock(encoder, name)
    towers = encoder if isinstance(encoder, TwoTowers) else None
    try:
        for role in ROLES if towers is not None else ():
            assert towers is not None
            inputs = [value for part in examples for value in _inputs(part, role)]
            if inputs and _is_still(tower := towers.tower(role)):
                towers.stored[role] = Stored.of(tower, inputs, role, show_progress=show_progress)
        yield
    finally:
        if towers is not None:
            towers.stored.clear()
        for parameter, trains in before.items():
            parameter.requires_grad_(trains)


def _lock(encoder: nn.Module, name: str) -> None:
    """No gradient for the weights whose name starts with `name`, at a dot."""
    found = [
        parameter
        for own, parameter in encoder.named_parameters()
        if own == name or own.startswith(name.rstrip(".") + ".")
    ]
    if not found:
        first = dict.fromkeys(own.partition(".")[0] for own, _ in encoder.named_parameters())
        raise InputError(f"locked: found '{name}'; the encoder's weights are {', '.join(first)}")
    for parameter in found:
        parameter.requires_grad_(False)


def _is_still(tower: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in tower.parameters())


def _inputs(examples: Examples, role: str) -> list[object]:
    """All inputs of a side; none where views would change them."""
    fields = [f for f in ENCODED if f in examples.FIELDS and ENCODED[f][1] == role]
    return [
        value
        for field in fields
        for row in examples.column(field)
        for value in (row if field in LISTS else [row])
    ]
