"""An objective that is handed other tensors of a batch than those its `forward` names."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from dipole.errors import InputError
from dipole.lookup import nearest
from dipole.objectives.contract.base import Objective

# Where the content hashes of a column are, if not under its own name.
_IDS = {"positive": "ids", "candidates": "candidate_ids"}


class Given(Objective):
    """`objective` with some inputs taken from other tensors: input -> name in the batch.

    What belongs to an input by its name follows: with negative=past, `negative_ids` is `past_ids`;
    with positive=anchor, `ids` are the content hashes of the anchors.

    Example:
        >>> from dipole.objectives import InfoNCE
        >>> sorted(InfoNCE().given(positive="anchor", negative="past").inputs())
        ['anchor', 'anchor_ids', 'past', 'past_ids', 'relation']
    """

    def __init__(self, objective: Objective, names: Mapping[str, str]) -> None:
        super().__init__()
        known = objective.inputs()
        for name in names:
            if name not in known:
                raise InputError(
                    f"{type(objective).__name__}: found input '{name}'; {nearest(name, known)}"
                )
        self.objective = objective
        # Tensor of the batch -> the input that it is, of those that were named.
        self.roles = {tensor: name for name, tensor in names.items()}
        self.places = {name: _place(name, names) for name in known}

    def inputs(self) -> dict[str, bool]:
        """The tensors of the batch, by name."""
        merged: dict[str, bool] = {}
        for name, needed in self.objective.inputs().items():
            place = self.places[name]
            merged[place] = merged.get(place, False) or needed
        return merged

    def bind(self, examples: int) -> None:
        """The objective is told."""
        self.objective.bind(examples)

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """Positional arguments are named as in `inputs`."""
        batch = dict(zip(self.inputs(), args, strict=False)) | inputs
        found = {name: batch.get(place) for name, place in self.places.items()}
        loss: Tensor = self.objective(**{k: v for k, v in found.items() if v is not None})
        return loss


def roles_of(objective: object) -> dict[str, str]:
    """Tensor of a batch -> the input as which an objective, or a part of it, is given it."""
    found: dict[str, str] = {}
    for part in objective.modules() if isinstance(objective, Objective) else ():
        found |= part.roles if isinstance(part, Given) else {}
    return found


def ids_of(tensor: str) -> str:
    """Where a batch has the content hashes of what a tensor holds the vectors of.

    >>> ids_of("teacher_positive_view"), ids_of("anchor"), ids_of("past")
    ('ids', 'anchor_ids', 'past_ids')
    """
    column = tensor.removeprefix("teacher_").removesuffix("_view")
    return _IDS.get(column, f"{column}_ids")


def _place(name: str, names: Mapping[str, str]) -> str:
    """The tensor that is an input, where the inputs in `names` are others."""
    if name in names:
        return names[name]
    for other, tensor in names.items():
        if name == _IDS.get(other, f"{other}_ids"):
            return ids_of(tensor)
        if name.startswith(f"{other}_"):
            return tensor + name.removeprefix(other)
    return name
