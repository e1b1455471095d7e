"""What a part is: a module between the encoder and the objective, and what it is told once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from torch import Tensor

from dipole.declared import Declared
from dipole.encoders.base import Encoder, Features

if TYPE_CHECKING:
    from dipole.data import Examples

P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Setup:
    """What a training is made of: what a part may need to know before the first step.

    inputs: the tensors the objective takes, by name, True where it needs them. parts: all parts of
    the training, in their order.
    """

    encoder: Encoder
    examples: Examples
    inputs: Mapping[str, bool]
    parts: Sequence[Part] = ()
    seed: int = 0
    show_progress: bool = False

    def find(self, kind: type[P]) -> P | None:
        """The training's part of this class, if it has one."""
        return next((part for part in self.parts if isinstance(part, kind)), None)


class Part(Declared):
    """A module that adds named tensors to a batch, or replaces them, before the objective sees it.

    Its annotated fields are its settings (`dipole.declared`). Its buffers and weights are in the
    checkpoints, so what it remembers is resumed. A part that takes a tensor stands behind those
    that give it; where both do both, as they were named. A subclass overrides what it needs.
    """

    # Names of tensors: what it cannot do without, what it also reads where it is there, and what
    # it adds, replaces or makes longer.
    takes: ClassVar[tuple[str, ...]] = ()
    may_take: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]] = ()
    # Whether `bind` takes long: then what is wrong with the others is said before.
    binds_last: ClassVar[bool] = False

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        """Whether an objective that takes `inputs` brings this part along, given the tensors that
        are `there` without it; asked of the parts that nobody names."""
        return False

    def bind(self, setup: Setup) -> None:
        """Called once, before the first step, in the order of the parts."""

    def made_of(self) -> tuple[str, str] | None:
        """(name, fingerprint) of a model that must be the same when the run goes on, if any."""
        return None

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        """Vectors of columns that the encoder then leaves alone, and any others."""
        return {}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch as the objective is to see it."""
        return batch

    def after_step(self) -> None:
        """Called when the optimiser has taken its step, on every process; where a training has
        several tasks, also after a batch of another one, which `before` has not seen."""
