"""What a part is: a module between the encoder and the objective, and what it is told once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from torch import Tensor, nn

from dipole.declared import Declared, setting
from dipole.encoders.base import Encoder, Features

if TYPE_CHECKING:
    from dipole.data import Examples
    from dipole.training.material import Material

P = TypeVar("P", bound="Part")


@dataclass(frozen=True)
class Setup:
    """What a training is made of: what a part may need to know before the first step.

    inputs: the tensors the objective takes, by name, True where it needs them; roles: as which of
    its inputs it is given a tensor of another name. parts: all parts of the training, in their
    order. views: the columns of views that stand beside those of the data.
    """

    encoder: Encoder
    examples: Examples
    inputs: Mapping[str, bool]
    parts: Sequence[Part] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    views: Collection[str] = ()
    objective: nn.Module | None = None
    seed: int = 0
    show_progress: bool = False

    def find(self, kind: type[P]) -> P | None:
        """The training's part of this class, if it has one; the first of several."""
        return next(iter(self.all(kind)), None)

    def all(self, kind: type[P]) -> list[P]:
        """The training's parts of this class."""
        return [part for part in self.parts if isinstance(part, kind)]


class Part(Declared):
    """A module that adds named tensors to a batch, or replaces them, before the objective sees it.

    Its annotated fields are its settings (`dipole.declared`). Its buffers and weights are in the
    checkpoints, so what it remembers is resumed. A part that takes a tensor stands behind those
    that give it; where both do both, as they were named. A subclass overrides what it needs.

    Several of one class have a `name` each, which stands in the names of what they give: a queue of
    name=past gives `past` and `past_ids`, a teacher of name=guide `guide_anchor`. The class does
    not need to know (`parts.names`).
    """

    name: str = setting(default="", kw_only=True)

    # Names of tensors: what it cannot do without, what it also reads where it is there, and what
    # it adds, replaces or makes longer.
    takes: ClassVar[tuple[str, ...]] = ()
    may_take: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]] = ()
    # The beginnings of the names it gives that a `name` replaces.
    stems: ClassVar[tuple[str, ...]] = ()
    # Whether `bind` takes long: then what is wrong with the others is said before.
    binds_last: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """Setting -> value; a name only where it has one."""
        found = super().settings()
        return {key: value for key, value in found.items() if key != "name" or value}

    def needed(self) -> set[str]:
        """The tensors it cannot do without, as its settings have it."""
        return set(self.takes)

    def taken(self) -> set[str]:
        """The tensors it reads, as its settings have it."""
        return {*self.needed(), *self.may_take}

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

    def at(self, done: float) -> None:
        """Told before every step which share of the training is done: 0 at the first, 1 at the
        last."""

    def renews_every(self) -> float | str | None:
        """Epochs from one call of `renew` to the next, or "500steps"; the first is before the first
        step; 0: that one alone, None: none."""
        return None

    def renew(self, material: Material) -> dict[str, Tensor]:
        """New values of buffers by name, made of all examples with the encoder as it is now.

        Called on the main process alone; every process is given what it returns.
        """
        return {}

    def after_step(self) -> None:
        """Called when the optimiser has taken its step, on every process; where a training has
        several tasks, also after a batch of another one, which `before` has not seen."""
