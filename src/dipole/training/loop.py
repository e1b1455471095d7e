"""The loop: batches, steps, validation; nothing here knows a modality or an objective."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dipole.encoders.base import Encoder
from dipole.encoders.own import save_encoder
from dipole.encoders.pair_head import head_of, write_head
from dipole.errors import InputError, RunError
from dipole.kernels import using
from dipole.kernels.draws import Rows, drawing
from dipole.objectives.contract.base import Objective
from dipole.training.batch_norm import over_whole_batches
from dipole.training.batches import Batch, ahead, encoded_fields, role_of
from dipole.training.config import Config
from dipole.training.every import Every
from dipole.training.learnable import Gradient, few_steps, small_batches
from dipole.training.losses import Losses, terms
from dipole.training.material import Material, digest
from dipole.training.optimizers import make_optimizer
from dipole.training.parts.base import Part, Setup
from dipole.training.reading import Reader
from dipole.training.run import sharding
from dipole.training.run.checkpoints import list_checkpoints, write_folder
from dipole.training.run.folder import BEST, CHECKPOINTS
from dipole.training.run.interrupts import Interrupts
from dipole.training.run.observers import StepRecord, ValidationRecord, sees_steps, told
from dipole.training.run.processes import alike, together
from dipole.training.run.progress import METRICS, Bar, Metrics
from dipole.training.run.seeding import seed_step
from dipole.training.run.state import Progress, State
from dipole.training.schedule import decay_at, rate_at, share_done, warmup_steps
from dipole.training.shares import batches_of
from dipole.training.steps import Step
from dipole.training.tasks import Task
from dipole.training.towers import Learning, Towers

if TYPE_CHECKING:
    from accelerate import Accelerator

    from dipole.training.validation import Measure

SECONDS_BETWEEN_CHECKPOINTS = 100.0


class InterruptedRunError(RunError):
    """The user stopped the run; it can go on."""

    exit_code = 130


class Trainer:
    """One training of `encoder` on `tasks`, in `folder`."""

    def __init__(
        self,
        config: Config,
        encoder: Encoder,
        tasks: Sequence[Task],
        folder: Path,
        accelerator: Accelerator,
        *,
        started: float,
        show_progress: bool = True,
    ) -> None:
        self.config = config
        self.encoder = encoder
        self.tasks = list(tasks)
        self.folder = folder
        self.accelerator = accelerator
        # Of the tasks that are measured the first decides which model is the best.
        self.validation = next(filter(None, (task.validation for task in tasks)), None)
        self.show_progress = show_progress
        self.materials = [_material(task, encoder, show_progress) for task in tasks]
        self.plan = batches_of(tasks, self.materials, folder, config.seed)
        self.total = self._total_steps()
        self._gradient = Gradient(self.total)
        self._stalled: str | None = None
        for task in tasks:
            self._bind(task)
        self.readers = [
            Reader(task, number, material, config, accelerator.device)
            for number, (task, material) in enumerate(zip(tasks, self.materials, strict=True))
        ]
        first, *others = tasks
        self.towers = Towers(
            encoder,
            first.objective,
            first.parts,
            [Learning(task.objective, task.parts) for task in others],
        )
        if self.plan.regrouped:  # in the checkpoints
            self.towers.samplers = torch.nn.ModuleList(self.plan.regrouped)
        self.towers.check_turns(config.alternate)
        over_whole_batches(self.towers, config.chunk)
        alike("the encoder and the data", lambda: digest(encoder, self.materials))
        if config.sharded:
            sharding.shard(self.towers.to(accelerator.device))
        optimizer = make_optimizer(config, self.towers)
        self.model: torch.nn.Module = self.towers
        self.optimizer: Any = optimizer
        if not config.sharded:
            with warnings.catch_warnings():  # of torch, on a name that accelerate still gives it
                warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
                self.model, self.optimizer = accelerator.prepare(self.towers, optimizer)
        self.state = State(config, self.towers, self.optimizer, folder, accelerator, started)

    def _bind(self, task: Task) -> None:
        """Tell an objective, or a step of one's own, what its examples are."""
        objective = task.objective
        if isinstance(objective, Objective):
            objective.bind(len(task.examples))
        elif isinstance(objective, Step):
            seed = self.config.seed
            objective.begin(
                Setup(self.encoder, task.examples, task.inputs, parts=task.parts, seed=seed)
            )

    @property
    def progress(self) -> Progress:
        return self.state.progress

    def run(self) -> Progress:
        """Train to the end, or raise `RunError` (`InterruptedRunError`) saying how to go on."""
        if self._is_over():  # killed after its last step
            return self.progress
        seen, losses, since = 0, Losses(self.tasks), time.monotonic()
        saved_at = time.monotonic()
        metrics = Metrics(self.folder / METRICS, self.accelerator)
        with (
            Interrupts() as asked,
            Bar(self.total, self.progress.step, shown=self.show_progress) as bar,
        ):
            plans = self.plan.first.plans
            notes = few_steps(self.total, self.config.max_steps, plans[0].batch_size)
            for task, plan in zip(self.tasks, plans, strict=True):
                notes += small_batches(len(task.examples), plan.length(0), plan.batch_size)
            for note in notes:
                bar.say(note)
            for batch in self._batches(self.progress.step):
                loss, norm = self._step(batch)
                self.progress.step += 1
                step = self.progress.step
                if self._stalled:
                    bar.say(self._stalled)
                losses.add(batch.task, loss)
                seen += len(batch.row_ids) * self.accelerator.num_processes
                bar.update(step, loss, len(batch.row_ids) * self.accelerator.num_processes)
                self._tell_step(batch, loss, norm)
                is_last = step == self.total or bool(self.progress.stopped)
                if step % self.config.log_every == 0 or is_last:
                    now = time.monotonic()
                    speed = seen / max(now - since, 1e-9)
                    values = {**losses.means(), "learning_rate": self._rate(step - 1)}
                    values |= terms(self.tasks) | ({} if norm is None else {"gradient_norm": norm})
                    metrics.write(step, values | {"examples_per_second": round(speed, 1)})
                    seen, losses, since = 0, Losses(self.tasks), now
                if self._validates_at(step) or (self.validation and self.progress.stopped):
                    self._validate(metrics, bar)
                    if self._is_out_of_patience():
                        bar.say(
                            f"stopped early: best {self._measure} at step {self.progress.best_step}"
                        )
                        break
                if self.progress.stopped:
                    bar.say(f"stopped at step {step}: {self.progress.stopped}")
                    break
                is_due = self._checkpoints_at(step, saved_at)
                to_stop, is_due = self._agreed(asked.to_stop and step < self.total, is_due)
                if to_stop:
                    self.state.save()
                    raise InterruptedRunError(
                        f"stopped at step {step} of {self.total}, saved; "
                        f"to go on: dipole train --out {self.folder} --resume"
                    )
                if is_due:
                    self.state.save()
                    saved_at = time.monotonic()
        return self.progress

    def _tell_step(self, batch: Batch, loss: float, norm: float | None) -> None:
        """Tell who watches of the step that was done; the main process asks, for all."""
        if not sees_steps():
            return
        step, of = self.progress.step, self.tasks[batch.task].name
        record = StepRecord(step, self.total, loss, self._rate(step - 1), norm, of)
        self.progress.stopped = together(lambda: told(record))

    def _step(self, batch: Batch) -> tuple[float, float | None]:
        """One update; the loss and the norm of the gradient before clipping."""
        from accelerate.utils import send_to_device

        self._renew()
        rank = 0 if batch.replicated else self.accelerator.process_index
        seed_step(self.config.seed, self.progress.step, rank)
        self.model.train()
        done = share_done(self.progress.step, self.total)
        self.towers.at(done)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(self.progress.step) * group["factor"]
            if isinstance(self.config.weight_decay, str) and group["decays"]:
                group["weight_decay"] = decay_at(self.config, done)
        columns, tensors = send_to_device((batch.columns, batch.tensors), self.accelerator.device)
        rows = Rows(
            (self.config.seed, self.progress.step), batch.start, len(batch.row_ids), batch.total
        )
        with drawing(rows):
            columns = self.readers[batch.task].render(columns)
        # A batch that every process holds is no part of anything: nobody gathers.
        low = torch.autocast(
            self.accelerator.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"
        )
        with low, using(executor="tiled" if batch.replicated else None), drawing(rows):
            try:
                loss = self.model(columns, tensors, batch.task)
            except InputError as error:  # at the first step it is of the settings or the data
                if self.progress.step == 0:
                    raise
                raise self._stopped(str(error), batch) from None
        # The mean of the processes' shares is the loss of the whole batch.
        value = float(self.accelerator.reduce(loss.detach(), "mean"))
        self._check_finite("loss", value, batch)
        self.accelerator.backward(loss)
        if self.config.sharded:
            sharding.average_kept(self.towers)
        self._stalled = None
        if not self.config.sharded:
            self._stalled = self._gradient.look(self.progress.step + 1, self.towers.parameters())
        if self.config.alternate:
            self.towers.take_turn(self.config.alternate, self.progress.step)
        norm = None
        if self.config.clip_norm is not None:
            norm = sharding.clip_norm(self.towers, self.config.clip_norm)
            self._check_finite("norm of the gradient", norm, batch)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with using(executor="tiled" if batch.replicated else None):
            self.towers.after_step()
        return value, norm

    def _batches(self, start: int) -> Iterator[Batch]:
        yield from ahead(self._read, self.plan.steps(start, self.total))
        while self.plan.regrouped and self.progress.step < self.total:
            # Not before the step that the last batch was for: its weights find the groups.
            with sharding.whole(self.encoder):
                self.plan.regroup(self.progress.step)
            yield from ahead(self._read, self.plan.steps(self.progress.step, self.total))

    def _renew(self) -> None:
        """What parts make of all examples, before the steps at which they do."""
        step = self.progress.step
        for task, material in enumerate(self.materials):
            for part in self.towers.parts_of(task):
                if self._renews(part, step):
                    with sharding.whole(self.encoder):
                        found = together(lambda: part.renew(material))  # noqa: B023
                    for name, value in found.items():
                        setattr(part, name, value.to(self.accelerator.device))

    def _renews(self, part: Part, step: int) -> bool:
        """Whether a part makes something of all examples before a step."""
        every = part.renews_every()
        if every is None or step == 0:
            return every is not None
        return bool(every) and step % Every.read(every).steps(self.plan.length(0)) == 0

    def _read(self, step_and_rows: tuple[int, np.ndarray]) -> Batch:
        """This process's part of a batch, or all of one that has no row for each process."""
        step, rows = step_and_rows
        task = self.plan.first.plan_of(int(rows[0]))
        return self.readers[task].read(
            step,
            rows - self.plan.first.starts[task],
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )

    def _agreed(self, *flags: bool) -> list[bool]:
        """Each flag that any process raised: they must all do the same at the same step."""
        if self.accelerator.num_processes == 1:
            return list(flags)
        found = torch.tensor(flags, dtype=torch.float32, device=self.accelerator.device)
        return (self.accelerator.reduce(found, "sum") > 0).tolist()

    def _total_steps(self) -> int:
        if self.config.max_steps is not None:
            return self.config.max_steps
        assert self.config.epochs is not None
        whole = int(self.config.epochs)
        steps = sum(self.plan.length(epoch) for epoch in range(whole))
        part = self.config.epochs - whole
        return max(steps + round(part * self.plan.length(whole)) if part else steps, 1)

    def _rate(self, step: int) -> float:
        assert self.config.learning_rate is not None
        assert self.config.schedule is not None
        warmup = warmup_steps(self.config.warmup, self.total)
        return self.config.learning_rate * rate_at(
            step, total=self.total, warmup=warmup, schedule=self.config.schedule
        )

    def _check_finite(self, what: str, value: float, batch: Batch) -> None:
        if not np.isfinite(value):
            raise self._stopped(f"the {what} is {value}", batch)

    def _stopped(self, why: str, batch: Batch) -> RunError:
        found = list_checkpoints(self.folder / CHECKPOINTS)
        last = f"the last good checkpoint is {found[-1]}" if found else "no checkpoint yet"
        ids = ", ".join(batch.row_ids[:8]) + (", ..." if len(batch.row_ids) > 8 else "")
        of = f" of {batch.source}" if batch.source else ""
        return RunError(
            f"step {self.progress.step + 1}: {why}; batch of {len(batch.row_ids)} examples{of}: "
            f"{ids}; {last}"
        )

    @property
    def _measure(self) -> str:
        return self.validation[0] if self.validation else ""

    def _validates_at(self, step: int) -> bool:
        if self.validation is None:
            return False
        every = self.config.validate_every or self.plan.length(0)
        return step % every == 0 or step == self.total

    def _validate(self, metrics: Metrics, bar: Bar) -> None:
        """Measure, and keep the model if it is the best so far."""
        assert self.validation is not None
        name, measure = self.validation
        found, step = self._measured(name, measure), self.progress.step
        value = found[name]
        metrics.write(step, {f"validation/{key}": x for key, x in found.items()} | self._beside())
        is_best = self.progress.best is None or value > self.progress.best
        bar.say(f"step {step}: validation {name} {value:.4f}{' (best)' if is_best else ''}")
        if is_best:
            self.progress.best, self.progress.best_step, self.progress.misses = value, step, 0
            with sharding.whole(self.encoder):
                together(lambda: write_folder(self.folder / BEST, self.save_model))
        else:
            self.progress.misses += 1
        assert self.progress.best is not None
        best = self.progress.best, self.progress.best_step
        why = together(lambda: told(ValidationRecord(step, self.total, name, value, found, *best)))
        self.progress.stopped = self.progress.stopped or why

    def save_model(self, folder: Path) -> None:
        """The encoder, and beside it the first head for pairs that an objective has."""
        save_encoder(self.encoder, folder)
        for task in self.tasks:
            if (head := head_of(task.objective)) is not None:
                first, *_ = encoded_fields(task.examples)
                write_head(head, role_of(first, self.encoder), folder)
                return

    def _beside(self) -> dict[str, float]:
        """What the tasks behind the one that decides are measured at."""
        found: dict[str, float] = {}
        for task in self.tasks:
            if task.validation is None or task.validation is self.validation:
                continue
            name, measure = task.validation
            for key, value in self._measured(name, measure).items():
                found[f"validation/{task.name}/{key}"] = value
        return found

    def _measured(self, name: str, measure: Measure) -> dict[str, float]:
        """What the main process measures, by name; one number has the measure's own."""

        def take() -> dict[str, float]:
            found = measure(self.encoder)
            several = found if isinstance(found, Mapping) else {name: found}
            return {key: float(value) for key, value in several.items()}

        with sharding.whole(self.encoder):  # of which every process has a part
            return together(take)

    def _is_over(self) -> bool:
        return self._is_out_of_patience() or bool(self.progress.stopped)

    def _is_out_of_patience(self) -> bool:
        return self.config.patience is not None and self.progress.misses >= self.config.patience

    def _checkpoints_at(self, step: int, saved_at: float) -> bool:
        if step == self.total:
            return False  # the finished model follows at once
        if self.config.checkpoint_every is not None:
            return step % self.config.checkpoint_every == 0
        return time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS


def _material(task: Task, encoder: Encoder, show_progress: bool) -> Material:
    size, seed = task.config.batch_size, task.config.seed
    assert size is not None
    return Material(task.examples, encoder, size, seed, show_progress)
