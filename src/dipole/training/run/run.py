"""The training of a run, from what it is made of to the finished folder."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.encoders.base import Encoder
from dipole.files import sweep
from dipole.training.config import Config
from dipole.training.config_file import write_config
from dipole.training.examples import of_sides
from dipole.training.held import write_held
from dipole.training.run.checkpoints import recover_folder
from dipole.training.run.folder import (
    BEST,
    CONFIG,
    MODEL,
    RESULT,
    Run,
    copy_folder,
    save_whole,
    tidy,
    write_model,
    write_result,
)
from dipole.training.run.origin import check_teachers, read_data, write_data
from dipole.training.run.processes import on_cpu, together

if TYPE_CHECKING:
    from dipole.training.tasks import Task


def train(
    config: Config,
    encoder: Encoder,
    tasks: Sequence[Task],
    folder: Path,
    *,
    origin: dict[str, Any],
    changed_data: bool,
    resume: bool,
    show_progress: bool,
    keep_encoder: bool = False,
    held: str | None = None,
) -> Run:
    """Train, and write the run; `keep_encoder` also keeps what only a training needs of it.

    origin: what its data.json is to say; held: the lines of its held-out.jsonl, if it has one.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    from dipole.training.locking import locked
    from dipole.training.loop import Trainer
    from dipole.training.outputs import asked_of, check_outputs, check_pairs, check_tokens
    from dipole.training.run.sharding import whole

    asked = [asked_of(task.objective) for task in tasks]
    for names, task in zip(asked, tasks, strict=True):
        check_outputs(names, encoder, task.config.objective)
        check_pairs(task.inputs, encoder, task.config.objective)
        check_tokens(task.objective, encoder, task.config.objective)
    made_of = [part.made_of() for task in tasks for part in task.parts]
    teachers = list(dict.fromkeys(filter(None, made_of)))
    origin = together(lambda: check_teachers(folder, origin, teachers, accept=changed_data))
    accelerator = Accelerator(
        # Without this accelerate overlooks several processes on CPUs.
        cpu=on_cpu(),
        # The loop's own autocast: accelerate would keep the first run's for the whole process.
        mixed_precision="no",
        log_with=list(config.track) or None,
        project_dir=str(folder),
        # Queues, teachers and per-example state are the same everywhere: nothing to send. Of
        # several tasks a step uses the objective of one.
        kwargs_handlers=[
            DistributedDataParallelKwargs(
                broadcast_buffers=False, find_unused_parameters=len(tasks) > 1
            )
        ],
    )
    together(lambda: _begin(config, folder, origin, held))
    if config.track:
        accelerator.init_trackers(folder.name, config=_flat(config))
    encoder.to(accelerator.device)
    shown = show_progress and accelerator.is_main_process
    started = time.monotonic()
    every = [task.examples for task in tasks]
    # What views change is not the same twice.
    sides = [of_sides(task.config.view, several=True)[0] for task in tasks]
    store = not any(asked) and not any(sides)
    with locked(encoder, config.locked, *every, store=store, show_progress=shown):
        trainer = Trainer(
            config,
            encoder,
            tasks,
            folder,
            accelerator,
            started=started,
            show_progress=shown,
        )
        if resume:
            trainer.state.restore(trainer.total)
            together(lambda: _go_on(config, folder, origin))
        try:
            progress = trainer.run()
        finally:
            if config.track:
                accelerator.end_training()
        trainer.state.save(is_last=True)  # from which it can be lengthened
    result = asdict(progress) | {
        "measure": trainer.validation[0] if trainer.validation else None,
        "examples": sum(map(len, every)),
        "seconds": round(progress.seconds, 3),
    }

    def write() -> None:
        if keep_encoder:
            save_whole(encoder, folder)
        write_model(folder, trainer.save_model)
        write_result(folder, result)

    with whole(encoder):
        together(write)
    if accelerator.device.type != "cpu":  # a search of all garbage takes longer than a small run
        accelerator.free_memory()
    return Run.open(folder)


def _begin(config: Config, folder: Path, origin: dict[str, Any], held: str | None) -> None:
    """What is written before the first step, of a run that is new."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    if not (folder / CONFIG).exists():
        write_data(folder, origin)
        write_config(config, folder / CONFIG)
    elif origin != read_data(folder) and origin["changed"]:
        from dipole.training.samplers import ALL_GROUPS

        for path in folder.glob(ALL_GROUPS):  # of other rows
            path.unlink()
    write_held(folder, held)


def _go_on(config: Config, folder: Path, origin: dict[str, Any]) -> None:
    """A run that goes on is not finished, even if it was; it may be longer, or have other data."""
    if (folder / RESULT).exists():
        tidy(folder)
        recover_folder(folder / MODEL)
        if config.validation is not None:
            copy_folder(folder / MODEL, folder / BEST)
        (folder / RESULT).unlink()
    write_data(folder, origin)
    write_config(config, folder / CONFIG)


def _flat(config: Config) -> dict[str, Any]:
    """Settings as trackers take them: plain values."""
    return {
        name: value if isinstance(value, int | float | str | bool) else json.dumps(value)
        for name, value in config.model_dump().items()
    }
