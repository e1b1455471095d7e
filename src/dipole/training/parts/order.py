"""Which parts a training has, and in which order: by what each takes and gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dipole.encoders.base import OUTPUTS
from dipole.errors import InputError
from dipole.objectives.contract.base import COLUMNS
from dipole.training.batches import tensor_names
from dipole.training.parts.base import Part, Setup
from dipole.training.parts.layers import Layers
from dipole.training.parts.lists import Lists, Scores
from dipole.training.parts.log_probs import LogProbs
from dipole.training.parts.logits import Logits
from dipole.training.parts.names import given_by, name_in_batch, shown
from dipole.training.parts.naming import name_of
from dipole.training.parts.reference import Mismatched, Reference

if TYPE_CHECKING:
    from dipole.data import Examples

# Those that an objective brings along.
FOLLOWING: tuple[type[Part], ...] = (
    Layers, Lists, Scores, Logits, LogProbs, Reference, Mismatched,
)  # fmt: skip


def bound(parts: Sequence[Part], setup: Setup) -> list[Part]:
    """The parts of a training in their order, told what it is made of: those named, and those that
    its objective brings along.

    Raises InputError where two give the same, one takes what nothing gives, or gives what nothing
    takes, and where the objective is to be given what there is not.
    """
    for number, part in enumerate(parts):
        _check_name(part, parts[:number])
    data = tensor_names(setup.examples) | set(setup.views)
    following: list[Part] = []
    for kind in FOLLOWING:
        if kind.follows(setup.inputs, data | given([*parts, *following])):
            following.append(kind())
    ordered = in_order([*following, *parts])
    setup = replace(setup, parts=ordered)
    for part in sorted(ordered, key=lambda part: part.binds_last):
        part.bind(shown(part, setup))
        _check(part, [other for other in ordered if other is not part], setup.inputs, data)
    for tensor, role in setup.roles.items():
        if tensor not in data | given(ordered) and not _is_output(tensor, data):
            raise InputError(
                f"objective: found {role}={tensor}, which neither the data nor a part gives; "
                f"expected one of {', '.join(sorted(data | given(ordered)))}, or a part of "
                f"name={tensor}"
            )
    return ordered


def _is_output(tensor: str, data: Collection[str]) -> bool:
    """Whether an encoder may give a tensor of a column beside its vectors, as `positive_logps`."""
    column, _, output = tensor.rpartition("_")
    return column in COLUMNS and column in data and output in OUTPUTS


def useful(
    parts: Sequence[Part],
    inputs: Mapping[str, bool],
    examples: Examples,
    views: Collection[str] = (),
) -> list[Part]:
    """Those whose tensors an objective, or another of them, takes, and that have what they need."""
    data = tensor_names(examples) | set(views)
    kept = list(parts)
    while True:
        there = data | given(kept)
        more = [kind() for kind in FOLLOWING if kind.follows(inputs, there)]
        found = [
            part
            for part in kept
            if not _wrong(part, [o for o in (*kept, *more) if o is not part], inputs, data)
        ]
        if len(found) == len(kept):
            return kept
        kept = found


def given(parts: Collection[Part]) -> set[str]:
    """The names of all that these parts may give."""
    return {name for part in parts for name in given_by(part)}


def in_order(parts: Sequence[Part]) -> list[Part]:
    """Every part behind those that give what it takes, otherwise as they stand."""
    done: list[Part] = []

    def place(part: Part, waiting: tuple[Part, ...]) -> None:
        if part in done:
            return
        if part in waiting:
            circle = ", ".join(name_of(one) for one in waiting[waiting.index(part) :])
            raise InputError(
                f"parts: {circle}: each takes what another of them gives; expected no circle"
            )
        for other in parts:
            if other is not part and _comes_before(other, part):
                place(other, (*waiting, part))
        done.append(part)

    for part in parts:
        place(part, ())
    return done


def _comes_before(one: Part, other: Part) -> bool:
    """Whether `one` gives what `other` takes; a tensor that both take and give orders nothing."""
    first, second = one.taken(), other.taken()
    shared = first & second & given_by(one) & given_by(other)
    return bool((second & given_by(one)) - shared)


def _check_name(part: Part, others: Sequence[Part]) -> None:
    """A part has a name where another of its class has none, or the same."""
    name = getattr(part, "name", "")
    if name and not part.stems:
        raise InputError(f"part {name_of(part)}: gives nothing to name; expected no name")
    if name and not name.isidentifier():
        raise InputError(f"part {name_of(part)}: found name '{name}'; expected letters, digits, _")
    if any(type(part) is type(other) and name == getattr(other, "name", "") for other in others):
        more = f", as {name_of(part)}:name=NAME" if part.stems and not name else ""
        raise InputError(
            f"parts: found {name_of(part)} twice; expected each part once, or under a name of "
            f"its own{more}"
        )


def _check(
    part: Part, others: Sequence[Part], inputs: Mapping[str, bool], data: Collection[str]
) -> None:
    """Nothing that the part takes is missing, and something that it gives is taken."""
    if wrong := _wrong(part, others, inputs, data):
        raise InputError(f"part {name_of(part)}: {wrong}")


def _wrong(
    part: Part, others: Sequence[Part], inputs: Mapping[str, bool], data: Collection[str]
) -> str:
    for name in sorted(part.needed()):
        if name not in data and name not in given(others):
            return (
                f"takes {name}, which neither the data nor another part gives; expected data or a "
                "part that do"
            )
    taken = set(inputs).union(*(other.taken() for other in others))
    if "views" in inputs:
        taken |= {"anchor", "positive"}
    if part.gives and not taken & given_by(part):
        named = dict.fromkeys(name_in_batch(part, name) for name in part.gives)
        return (
            f"gives {', '.join(named)}, and neither the objective nor another part takes any; "
            "expected an objective that does, or no such part"
        )
    return ""
