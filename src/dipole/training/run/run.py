"""A run: one training and its folder on disk.

    RUN/config.yaml         its settings
    RUN/data.json           the data it began with
    RUN/metrics.jsonl       a line per logged step
    RUN/checkpoints/step-N  the last ones; one stays, from which a finished run can go on
    RUN/model, result.json  at the end

What is there is whole at every moment, in the order of writing: nothing that a run needs to go on
is gone before what takes its place is there.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.files import remove_folder, replaced, sweep, write_text
from dipole.training.build import is_made_of_data
from dipole.training.config import Config, write_config
from dipole.training.examples import of_sides
from dipole.training.run.checkpoints import drop_checkpoints, recover_folder, write_folder
from dipole.training.run.origin import DATA, check_teachers, read_data, write_data
from dipole.training.run.processes import together
from dipole.training.run.progress import METRICS

if TYPE_CHECKING:
    from dipole.training.tasks import Task

RESULT = "result.json"
CONFIG = "config.yaml"
MODEL, BEST, CHECKPOINTS = "model", "best", "checkpoints"
# The encoder's whole state, of a stage that others follow.
ENCODER = "encoder.pt"
# The encoder beside the first checkpoint: its tokens were made of the data.
START = "start"


@dataclass(frozen=True)
class Run:
    """One training and its folder: RUN/model, config.yaml, metrics.jsonl, result.json."""

    folder: Path
    encoder: Encoder
    result: dict[str, Any] = field(default_factory=dict)


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
) -> Run:
    """Train, and write the run; `keep_encoder` also keeps what only a training needs of it.

    origin: what its data.json is to say.
    """
    import torch
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    from dipole.training.locking import locked
    from dipole.training.loop import Trainer
    from dipole.training.outputs import asked_of, check_outputs
    from dipole.training.run.sharding import whole

    asked = [asked_of(task.objective) for task in tasks]
    for names, task in zip(asked, tasks, strict=True):
        check_outputs(names, encoder, task.config.objective)
    made_of = [part.made_of() for task in tasks for part in task.parts]
    teachers = list(dict.fromkeys(filter(None, made_of)))
    origin = together(lambda: check_teachers(folder, origin, teachers, accept=changed_data))
    accelerator = Accelerator(
        # Without this accelerate overlooks several processes on CPUs.
        cpu=not torch.accelerator.is_available(),
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
    together(lambda: _begin(config, folder, origin))
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
    return finished(folder)


def _begin(config: Config, folder: Path, origin: dict[str, Any]) -> None:
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


@contextmanager
def refused(folder: Path) -> Iterator[None]:
    """A new run that is refused (InputError) leaves nothing: its name is free for the next try."""
    from dipole.training.mined import forget
    from dipole.training.samplers import ALL_GROUPS

    try:
        yield
    except InputError:
        if os.environ.get("RANK", "0") == "0" and not any(folder.glob(f"{CHECKPOINTS}/*")):
            for name in (CONFIG, DATA, METRICS):
                (folder / name).unlink(missing_ok=True)
            for path in folder.glob(ALL_GROUPS):
                path.unlink()
            remove_folder(folder / START)
            forget(folder)
        raise


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


def kept_encoder(config: Config, folder: Path) -> Path | None:
    """Where a run has its encoder as it was made of the data it had before, if it needs that."""
    if not is_made_of_data(config.encoder):
        return None
    start, model = folder / START, folder / MODEL
    is_done = (folder / RESULT).exists() or not start.exists()
    return start if not is_done else model if model.exists() else None


def save_whole(encoder: Encoder, folder: Path) -> None:
    """The encoder as training has it, best or last, for a training that goes on from it."""
    import torch

    from dipole.encoders import load_encoder

    if (folder / BEST).exists():  # a training head is not saved: it stays as it is
        encoder.load_state_dict(load_encoder(folder / BEST).weights(), strict=False)
    with replaced(folder / ENCODER) as new:
        torch.save(encoder.state_dict(), new)


def write_model(folder: Path, save: Callable[[Path], None]) -> None:
    """RUN/model is the best model of the validation, or the last one."""
    best = folder / BEST
    if best.exists():
        copy_folder(best, folder / MODEL)
    else:
        write_folder(folder / MODEL, save)


def copy_folder(source: Path, target: Path) -> None:
    """A whole copy, or the old folder."""

    def write(new: Path) -> None:
        shutil.copytree(source, new, dirs_exist_ok=True)

    write_folder(target, write)


def write_result(folder: Path, result: dict[str, Any]) -> None:
    """Written last: from here on the run is finished."""
    write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")
    tidy(folder)


def tidy(folder: Path) -> None:
    """Remove what a finished run does not need: all but the last checkpoint, all of its stages."""
    for name in (BEST, START):
        remove_folder(folder / name)
    drop_checkpoints(folder / CHECKPOINTS, keep=1)
    for stage in folder.glob("stages/*"):
        (stage / ENCODER).unlink(missing_ok=True)
        remove_folder(stage / CHECKPOINTS)
        sweep(stage)
    for place in (folder, folder / CHECKPOINTS):
        sweep(place)


def read_result(folder: Path) -> dict[str, Any]:
    """What `write_result` wrote."""
    result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return result


def finished(folder: Path) -> Run:
    """The run that a folder holds."""
    from dipole.encoders import load_encoder

    recover_folder(folder / MODEL)
    return Run(folder, load_encoder(folder), read_result(folder))


def _flat(config: Config) -> dict[str, Any]:
    """Settings as trackers take them: plain values."""
    return {
        name: value if isinstance(value, int | float | str | bool) else json.dumps(value)
        for name, value in config.model_dump().items()
    }
