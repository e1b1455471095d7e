"""What every view is: one rendering of an example, drawn anew at every step."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from dipole.errors import InputError

Features = dict[str, Tensor]


class View(nn.Module):
    """A rendering of examples: `view(features) -> features`, or of raw inputs before they are.

    on: "features": called with the features of a whole batch (dict of tensors, first axis n), on
        their device; no gradient. What it draws through `for_rows` (dipole.kernels.draws) is the
        same on any number of processes; torch's global numbers are a process's own. The trainer
        seeds both for every step. Gives features, or a list of them (multi-crop: crops may differ
        in size).
        "inputs": called with a list of raw inputs (texts, ...) and a `np.random.Generator`, in
        the thread that prepares batches; gives a list of as many inputs. `of_row(generator, i)` is
        the generator at the numbers of input i, the same on any number of processes.
    count: renderings one call gives; more than one for a view that gives a list.

    A subclass writes `forward` and sets `on`.
    """

    on: ClassVar[Literal["inputs", "features"]] = "features"
    count: int = 1
    # Of which side of a pair it is a view.
    of_side: str = ""

    def forward(self, *args: Any) -> Any:
        raise NotImplementedError


class Same(View):
    """The inputs as they are: dropout in the tower makes the difference."""

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def forward(self, inputs: list[Any], generator: Any) -> list[Any]:
        return inputs


def check_rate(rate: float) -> float:
    """Between none and all."""
    if not 0 < rate < 1:
        raise InputError(f"view option rate: found {rate}; expected above 0 and below 1")
    return rate
