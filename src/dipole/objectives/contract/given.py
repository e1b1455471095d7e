"""An objective that is handed other tensors of a batch than those its `forward` names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from dipole.errors import InputError
from dipole.lookup import nearest
from dipole.objectives.contract.base import Objective, Over

# Where the content hashes of a column are, if not under its own name.
_IDS = {"positive": "ids", "candidates": "candidate_ids"}


class Given(Over):
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
        self.names = dict(names)

    def inner(self) -> Iterable[Objective]:
        """The one."""
        return [self.objective]

    def called(self, name: str) -> str:
        """The tensor that is an input, or what is asked for beside one."""
        return _place(name, self.names)

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """Positional arguments are named as in `inputs`."""
        batch = dict(zip(self.inputs(), args, strict=False)) | inputs
        names = {*self.objective.inputs(), *self.objective.asks()}
        found = {name: batch.get(self.called(name)) for name in names}
        loss: Tensor = self.objective(**self.objective.pick(found))
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
