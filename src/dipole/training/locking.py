"""Weights that stay as they are, and towers whose vectors are then computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from torch import nn

from dipole.encoders.base import SIDES, Role
from dipole.encoders.named_towers import NamedTowers
from dipole.encoders.once import Stored
from dipole.errors import InputError
from dipole.training.batches import LISTS, VIEWED, encoded_fields, role_of

if TYPE_CHECKING:
    from dipole.data import Examples
    from dipole.encoders.base import Encoder
    from dipole.training.config import Config


@contextmanager
def locked(
    encoder: Encoder,
    names: Sequence[str],
    *examples: Examples,
    store: bool = True,
    show_progress: bool = False,
) -> Iterator[None]:
    """Inside, the encoder's weights whose name starts with one of `names` are not trained.

    A tower of `NamedTowers` that is locked as a whole stays in eval mode, and all its inputs are
    encoded before the first step, in one pass: a step then costs what the other tower costs.
    Not where more than vectors is asked of it (`store`).

    Source: Zhai et al. 2021, LiT: Zero-Shot Transfer with Locked-image text Tuning, arXiv
    2111.07991 (the towers' letters: L is a locked pretrained tower, U an unlocked one, u one from
    scratch; a warm-up locks in the first stage and not in the second).
    """
    before = {parameter: parameter.requires_grad for parameter in encoder.parameters()}
    for name in names:
        _lock(encoder, name)
    towers = encoder if isinstance(encoder, NamedTowers) and store else None
    try:
        if towers is not None:
            for name in filter(lambda name: _is_still(towers.tower(name)), towers.names):
                inputs, role = _inputs(examples, towers, name)
                if len(inputs):
                    towers.stored[name] = Stored.of(
                        towers.tower(name), inputs, role, show_progress=show_progress
                    )
        yield
    finally:
        if towers is not None:
            towers.stored.clear()
        for parameter, trains in before.items():
            parameter.requires_grad_(trains)


def untrained(encoder: Encoder, config: Config) -> list[str]:
    """Locked towers that were just made, as lines: they stay as they were drawn."""
    from dipole.encoders.named_towers import DEFAULTS
    from dipole.encoders.registry import is_made

    if not isinstance(encoder, NamedTowers):
        return []
    specs = {
        name: config.encoder_options.get(name) or DEFAULTS.get(name, "") for name in encoder.names
    }
    return [
        f"warning: locked: the tower '{name}' was made from scratch and stays as it was drawn; "
        f"expected a trained one, --encoder-option {name}=FOLDER"
        for name in config.locked
        if name in specs and is_made(str(specs[name]))
    ]


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


def _inputs(
    examples: Sequence[Examples], towers: NamedTowers, name: str
) -> tuple[Sequence[Any], Role]:
    """All inputs of a tower and their role; none where views would change them, or where it takes
    both sides."""
    found: list[Sequence[Any]] = []
    roles: set[Role] = set()
    for part in examples:
        known = [f for f in encoded_fields(part) if f not in VIEWED]
        for field in (f for f in known if _tower(part, f, towers) == name):
            column = part.column(field)
            found.append(list(chain(*column)) if field in LISTS else column)
            role = role_of(field, towers)
            roles.add(role if role in SIDES else "document")
    if len(roles) != 1:
        return [], ""
    return found[0] if len(found) == 1 else list(chain(*found)), roles.pop()


def _tower(examples: Examples, field: str, towers: NamedTowers) -> str | None:
    """The tower that takes a field's inputs; None where no row has any."""
    rows = examples.column(field)
    first = next(filter(len, rows), [])[:1] if field in LISTS else rows[:1]
    return towers.name_of(role_of(field, towers), first) if len(first) else None
