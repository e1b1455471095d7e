"""A step of one's own: a module from a batch to named losses, for what no setting can say."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from dipole.data.inputs import described
from dipole.declared import Declared
from dipole.encoders.base import Encoder, Features
from dipole.errors import InputError
from dipole.lookup import find
from dipole.objectives.contract.base import Objective, forward_inputs, tell
from dipole.training.formats import given_again
from dipole.training.parts.base import Setup
from dipole.training.parts.naming import built

if TYPE_CHECKING:
    from dipole.training.config import Config

Columns = Mapping[str, list[Features]]


@dataclass(frozen=True)
class Given:
    """The batch of a step: features of the columns (in pieces, if asked for) and tensors by name.

    encode: vectors of the pieces of a column, with the gradient cache.
    """

    columns: Columns
    tensors: Mapping[str, Tensor]
    encode: Callable[[list[Features]], Tensor]
    _vectors: Callable[[Any, Any], dict[str, Tensor]]

    def vectors(self) -> dict[str, Tensor]:
        """What an objective would be given: all columns encoded, and what the parts make of it."""
        return self._vectors(dict(self.columns), dict(self.tensors))


class Step(Declared):
    """A module whose `forward` maps a batch to named losses; the training descends their sum.

    Its annotated fields are its settings (`dipole.declared`). `bind` is called once, before the
    first step: what it needs of the encoder or the data (a decoder's size) is made there. Layers
    and buffers are trained, saved and resumed like all others. `encoder` and `objective` are those
    of the training; what it puts into `beside` stands in the metrics with the losses.
    """

    # The tensors it cannot do without, by name; None: those of the objective.
    takes: ClassVar[tuple[str, ...] | None] = None

    def over(self, objective: nn.Module) -> Step:
        """This step with the objective of the training."""
        self.objective = objective
        return self

    @property
    def encoder(self) -> Encoder:
        """The training's encoder; its weights are not this module's."""
        found: Encoder = self._encoder[0]
        return found

    def begin(self, setup: Setup) -> None:
        """Called once by the training."""
        self._encoder = [setup.encoder]
        self.losses: dict[str, Tensor] = {}
        self.beside: dict[str, Tensor] = {}
        if isinstance(self.objective, Objective):
            self.objective.bind(len(setup.examples))
        self.bind(setup)

    def bind(self, setup: Setup) -> None:
        """What is made of the encoder and the data; nothing here."""

    def inputs(self) -> dict[str, bool]:
        """The tensors it takes, by name: True where it needs them."""
        if self.takes is not None:
            return dict.fromkeys(self.takes, True)
        objective: Any = self.objective
        if isinstance(objective, Objective):
            return objective.inputs()
        return forward_inputs(type(objective).forward)

    def forward(self, batch: Given) -> dict[str, Tensor]:
        """The losses of a batch by name, each one number."""
        raise NotImplementedError

    def at(self, done: float) -> None:
        """Told before every step which share of the training is done, 0 to 1."""
        tell(self, done)

    def after_step(self) -> None:
        """Called when the optimiser has taken its step, on every process; where a training has
        several tasks, also after a batch of another one."""

    def total(self, batch: Given) -> Tensor:
        """The sum of the losses, each of them kept for the metrics as loss/NAME."""
        self.beside = {}
        found: Any = self(batch)
        name = type(self).__name__
        if not isinstance(found, dict) or not found:
            raise InputError(f"step: {name} gave {described(found)}; expected losses by name")
        for key, value in found.items():
            if not isinstance(value, Tensor) or value.numel() != 1:
                what = described(value)
                if isinstance(value, Tensor):
                    what = f"a tensor of shape {tuple(value.shape)}"
                raise InputError(f"step: {name} gave {what} as {key}; expected one number")
        total = torch.stack([value.reshape(()) for value in found.values()]).sum()
        if not total.requires_grad:
            raise InputError(f"step: {name} gave a constant; expected losses that can be learnt")
        self.losses = {key: value.detach() for key, value in (found | self.beside).items()}
        return total


def make_step(config: Config) -> Step | None:
    """The step that the settings name, if they name one."""
    named: Any = config.step
    if named is None or isinstance(named, Step):  # two trainings share nothing
        return copy.deepcopy(named)
    ((name, settings),) = named.items()
    given_again("step", name, "fit(step=...)")
    cls: type[Step] = find("step", name, {}, base=Step, others="one of your own, as file.py:Class")
    return built(cls, "step", name, settings)
