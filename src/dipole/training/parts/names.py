"""Parts under names of their own: what such a part gives, and what it is shown.

A part is written once, for the names that objectives use (`negative`, `teacher_anchor`). One that
has a `name` gives the same under that name, and is shown a training in which nobody else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from dipole.encoders.base import Features
from dipole.training.parts.base import Part, Setup


def name_in_batch(part: Part, tensor: str) -> str:
    """What a batch calls a tensor that the part gives."""
    name = _name(part)
    stem = _stem(part, tensor) if name else None
    return tensor if stem is None else name + tensor.removeprefix(stem)


def given_by(part: Part) -> set[str]:
    """The names of all that a part may give."""
    return {name_in_batch(part, tensor) for tensor in part.gives}


def shown(part: Part, setup: Setup) -> Setup:
    """The training as the part sees it: its own name is again the one its class knows."""
    name = _name(part)
    if not name:
        return setup
    inputs = {k: must for k, must in setup.inputs.items() if _stem(part, k) is None}
    for key, must in setup.inputs.items():
        if key == name or key.startswith(f"{name}_"):
            role = setup.roles.get(name, "")
            stem = role if role in part.stems else part.stems[0]
            inputs[stem + key.removeprefix(name)] = must
    return replace(setup, inputs=inputs)


def encoded(part: Part, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
    """`part.encode`, under its name."""
    return {name_in_batch(part, key): x for key, x in part.encode(columns).items()}


def passed(part: Part, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """`part.before`, under its name: what others give in the place of its own stays as it is."""
    name = _name(part)
    if not name:
        return part.before(batch)
    seen = {key: x for key, x in batch.items() if _stem(part, key) is None}
    made = part.before(seen)
    new = {key: x for key, x in made.items() if x is not seen.get(key)}
    return batch | {name_in_batch(part, key): x for key, x in new.items()}


def _name(part: Part) -> str:
    name: str = getattr(part, "name", "")  # a part with an `__init__` of its own has none
    return name


def _stem(part: Part, tensor: str) -> str | None:
    return next((stem for stem in part.stems if _is_under(tensor, stem)), None)


def _is_under(tensor: str, name: str) -> bool:
    return tensor == name or tensor.startswith(f"{name}_")
