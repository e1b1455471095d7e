"""Encoder and objective as one module: one forward per step, whatever the objective takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from dipole.data.inputs import described
from dipole.encoders.base import Encoder, Features
from dipole.encoders.reading import gives_tokens
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, forward_inputs, tell
from dipole.training.batches import padded
from dipole.training.gradient_cache import encode_chunks
from dipole.training.outputs import Asked, asked_of, encode_outputs, no_rows
from dipole.training.parts import Part
from dipole.training.parts.names import encoded, passed
from dipole.training.steps import Given, Step
from dipole.training.token_logits import token_logits

# Of views of sides that stand beside the data's own columns.
VIEW_COLUMNS = {"anchor_view", "positive_view"}


class Learning(nn.Module):
    """What a task adds to the encoder: its objective, and the parts that stand before it."""

    def __init__(self, objective: nn.Module, parts: Iterable[Part] = ()) -> None:
        super().__init__()
        self.objective = objective
        self.parts = nn.ModuleList(parts)


class Towers(nn.Module):
    """Features of all columns -> loss.

    The encoder of every column is the same one here; its `role` travels in the features. `parts`
    stand between it and the objective; `others` are those of tasks behind the first. One module
    and one forward, because DistributedDataParallel wants to see all of it.
    """

    def __init__(
        self,
        encoder: Encoder,
        objective: nn.Module,
        parts: Iterable[Part] = (),
        others: Iterable[Learning] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.objective = objective
        self.parts = nn.ModuleList(parts)
        self.others = nn.ModuleList(others)

    def forward(
        self, columns: dict[str, list[Features]], tensors: dict[str, Tensor], task: int = 0
    ) -> Tensor:
        """The objective of a batch of this task, or the losses of a step of one's own; a scalar."""
        objective = self.objectives()[task]
        if isinstance(objective, Step):
            vectors = partial(self.vectors, task=task)
            return objective.total(Given(columns, tensors, self.encode, vectors))
        loss = objective(**pick(objective, self.vectors(columns, tensors, task)))
        if isinstance(loss, Tensor) and loss.numel() == 1 and loss.requires_grad:
            return loss
        if not isinstance(loss, Tensor):
            found = described(loss)
        elif loss.numel() != 1:
            found = f"a tensor of shape {tuple(loss.shape)}"
        else:
            found = "a constant"
        raise InputError(
            f"objective: {type(objective).__name__} gave {found}; expected a loss: a tensor "
            "of one number that depends on the vectors"
        )

    def vectors(
        self, columns: dict[str, list[Features]], tensors: dict[str, Tensor], task: int = 0
    ) -> dict[str, Tensor]:
        """What the objective is given, by name."""
        batch = dict(tensors)
        parts, unread, asked = self.parts_of(task), self._unread(task), self._asked(task)
        for part in parts:
            batch |= encoded(part, columns)
        if self.encoder.reads_pairs:
            logits = self.encode(self.encoder.pairs(columns, batch))
            batch["logits"] = padded(logits[:, 0], batch["mask"]) if "mask" in batch else logits
            columns = {}
        elif "logits" in inputs_of(self.objectives()[task]) and gives_tokens(self.encoder):
            batch |= token_logits(self.encoder, columns, batch)
        for name, pieces in columns.items():
            if name in asked and name not in batch:
                batch |= encode_outputs(self.encoder, name, pieces, asked[name])
            elif name not in batch and name not in unread:
                batch[name] = self.encode(pieces)
        if "negative_ids" in batch and "negative" not in columns:
            # No row lists any. Other processes may have some and wait for these here: none, with
            # a place in the graph, because the backward gathers too.
            batch["negative"] = batch["anchor"][:0]
            batch |= no_rows("negative", batch, asked.get("negative", ()))
            if "teacher_anchor" in batch:
                batch["teacher_negative"] = batch["teacher_anchor"][:0]
        for name in ("candidates", "teacher_candidates"):
            if name in batch:
                batch[name] = padded(batch[name], batch["mask"])
        if "relevance" in batch:  # a stored list of a teacher's scores
            batch.setdefault("teacher_scores", batch["relevance"])
        for part in parts:
            batch = passed(part, batch)
        return batch

    def encode(self, pieces: list[Features]) -> Tensor:
        """The vectors of one column."""
        return encode_chunks(self.encoder, pieces)

    def objectives(self) -> list[nn.Module]:
        """The objective of every task."""
        return [self.objective, *(other.objective for other in self._others())]

    def parts_of(self, task: int) -> list[Part]:
        """The parts of a task, typed."""
        found = self.parts if task == 0 else self._others()[task - 1].parts
        return [part for part in found if isinstance(part, Part)]

    def each_part(self) -> list[Part]:
        """The parts of all tasks."""
        return [part for task in range(1 + len(self.others)) for part in self.parts_of(task)]

    def _others(self) -> list[Learning]:
        return [other for other in self.others if isinstance(other, Learning)]

    def _asked(self, task: int) -> Asked:
        """What a task's objective and parts take of the encoder beside vectors."""
        taken = {name for part in self.parts_of(task) for name in part.taken()}
        return asked_of(self.objectives()[task], taken)

    def _unread(self, task: int) -> set[str]:
        """Views beside the data's own columns, of which nobody wants the student's vectors."""
        taken = set(inputs_of(self.objectives()[task]))
        return VIEW_COLUMNS - taken.union(*(part.taken() for part in self.parts_of(task)))

    def at(self, done: float) -> None:
        """Tell the objectives and the parts which share of the training is done."""
        for objective in self.objectives():
            if isinstance(objective, Objective | Step):
                objective.at(done)
            else:  # anyone's module, which may hold some
                tell(objective, done)
        for part in self.each_part():
            part.at(done)

    def after_step(self) -> None:
        """Let the parts of all tasks, and steps of one's own, follow a step of the optimiser."""
        for part in self.each_part():
            part.after_step()
        for objective in self.objectives():
            if isinstance(objective, Step):
                objective.after_step()

    def take_turn(self, names: Sequence[str], step: int) -> None:
        """Drop the gradients of the weights whose turn it is not: their optimiser skips the step.

        Step t belongs to `names[t mod k]`, the start of a name; what none of them names goes with
        the first.
        """
        for own, parameter in self.named_parameters():
            if (_named_by(own, names) or names[0]) != names[step % len(names)]:
                parameter.grad = None

    def check_turns(self, names: Sequence[str]) -> None:
        """Raise InputError for a name of `take_turn` that no weight has."""
        all_names = [own for own, _ in self.named_parameters()]
        for name in names:
            if not any(_named_by(own, [name]) for own in all_names):
                first = dict.fromkeys(_short(own).partition(".")[0] for own in all_names)
                raise InputError(f"alternate: found '{name}'; the weights are {', '.join(first)}")

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Matrices with weight decay (`decays`); vectors, scalars and the objective's without.

        A tower may multiply the learning rate of a parameter (`encoder.rate_factors`, by name).
        """
        factors: dict[str, float] = getattr(self.encoder, "rate_factors", {})
        groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            decays = parameter.ndim >= 2 and name.startswith("encoder.")
            factor = factors.get(name.removeprefix("encoder."), 1.0)
            groups.setdefault((decays, factor), []).append(parameter)
        return [
            {"params": found, "weight_decay": weight_decay * decays, "factor": factor}
            | {"decays": decays}
            for (decays, factor), found in groups.items()
        ]


def _short(own: str) -> str:
    """The name of a weight as a user knows it."""
    return re.sub(r"^(encoder|others\.\d+)\.", "", own)


def _named_by(own: str, names: Sequence[str]) -> str | None:
    """Which of the names a weight's name starts with, at a dot."""
    return next((n for n in names if f"{_short(own)}.".startswith(f"{n.rstrip('.')}.")), None)


def inputs_of(objective: nn.Module) -> dict[str, bool]:
    """The tensors an objective, or anyone's module, takes, by name: True where it needs them."""
    if isinstance(objective, Objective | Step):
        return objective.inputs()
    return forward_inputs(type(objective).forward)


def masks_copies(objective: nn.Module) -> bool:
    """Whether all that takes negatives in an objective also takes their content hashes, and so
    leaves out copies of an anchor's own positive."""
    found = [part for part in objective.modules() if isinstance(part, Objective)]
    parts: list[nn.Module] = [*found] or [objective]
    taken = [forward_inputs(type(part).forward) for part in parts]
    return all("negative" not in names or "negative_ids" in names for names in taken)


def pick(objective: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What of a batch an objective, or anyone's module, takes: by the names of its `forward`."""
    if isinstance(objective, Objective):
        return objective.pick(batch)
    wanted = inputs_of(objective)
    for name, is_needed in wanted.items():
        if is_needed and name not in batch:
            raise InputError(
                f"objective: {type(objective).__name__} takes '{name}', which this training does "
                f"not give; it gives {', '.join(batch)}"
            )
    return {name: value for name, value in batch.items() if name in wanted}
