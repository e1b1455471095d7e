"""`fit`: data, an encoder and an objective in, a run out."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import Examples
from dipole.encoders.base import Encoder
from dipole.errors import InputError
from dipole.training.build import (
    build_encoder,
    build_objective,
    build_parts,
    build_views,
    load_examples,
    load_validation,
)
from dipole.training.checkpoints import recover_folder, write_folder
from dipole.training.config import Config, make_config, read_config, write_config

if TYPE_CHECKING:
    from torch import nn

    from dipole.training.validation import Validation

RESULT = "result.json"
CONFIG = "config.yaml"
# Marks a setting of config.yaml that was an object of Python.
_PYTHON = "python: "


@dataclass(frozen=True)
class Run:
    """One training and its folder: RUN/model, config.yaml, metrics.jsonl, result.json."""

    folder: Path
    encoder: Encoder
    result: dict[str, Any] = field(default_factory=dict)


def fit(
    data: str | Path | Examples | None = None,
    encoder: str | Encoder | None = None,
    objective: str | nn.Module | None = None,
    *,
    out: str | Path,
    validation: str | float | Examples | None = None,
    resume: bool = False,
    show_progress: bool = True,
    **settings: Any,
) -> Run:
    """Train `encoder` on `data` with `objective` and write a run to the folder `out`.

    Args:
        data: a file, a folder, the name of a data set, or examples (`dipole.data.Pairs`, ...).
        encoder: "static" (default: from scratch), a model folder, a hub id, or an encoder.
        objective: the name of an objective (default "infonce"), or one.
        out: the run's folder; must be new, unless `resume`.
        validation: a file, a split's name, a fraction of the rows to hold out, or examples.
        resume: go on with the run in `out` from its newest checkpoint; the weights at the end
            are those of a run that was never stopped. Starts it where there is none yet.
        settings: the fields of `dipole.training.config.Config`; the same as the options of
            `dipole train`.

    Returns:
        The run; `run.encoder` is the best model of the validation, or the last one.

    Raises:
        InputError: a setting, a file or a row that cannot be used, in one line.
        RunError: the run could not go on (non-finite loss, full disk); says from where it can.

    Example:
        >>> run = dipole.fit("stdlib-code", out="runs/code", epochs=2)  # doctest: +SKIP
        >>> run.encoder.encode(["read a file line by line"]).shape  # doctest: +SKIP
    """
    folder = Path(out)
    objects = {"data": data, "encoder": encoder, "objective": objective, "validation": validation}
    config = _config_of_run(folder, _describe(**objects) | settings, resume=resume)
    if (folder / RESULT).exists():
        return _finished(folder)
    _check_given_again(config, **objects)

    from dipole.training.towers import inputs_of

    # What can be wrong soonest comes first.
    if objective is None or isinstance(objective, str):
        objective = build_objective(config)
    examples = (
        data
        if isinstance(data, Examples)
        else load_examples(config, config.data, config.split, inputs_of(objective))
    )
    if isinstance(validation, Examples):
        held: Examples | None = validation
    else:
        examples, held = load_validation(config, examples)
    if show_progress and os.environ.get("RANK", "0") == "0":
        _announce("training", examples)
        if held is not None:
            _announce("validation", held)
    if not isinstance(encoder, Encoder):
        encoder = build_encoder(config, examples)
    config = _with_defaults(config, encoder)
    return _train(config, encoder, objective, examples, held, folder, resume, show_progress)


def _train(
    config: Config,
    encoder: Encoder,
    objective: nn.Module,
    examples: Examples,
    held: Examples | None,
    folder: Path,
    resume: bool,
    show_progress: bool,
) -> Run:
    import torch
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    from dipole.training.loop import Trainer
    from dipole.training.towers import inputs_of
    from dipole.training.validation import make_validation

    inputs = inputs_of(objective)
    views = build_views(config, examples, inputs)
    parts = build_parts(config, encoder, inputs)
    accelerator = Accelerator(
        # Without this accelerate overlooks several processes on CPUs.
        cpu=not torch.accelerator.is_available(),
        mixed_precision="bf16" if config.precision == "bf16" else "no",
        log_with=list(config.track) or None,
        project_dir=str(folder),
        # Queues, teachers and per-example state are the same everywhere: nothing to send.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )
    accelerator.wait_for_everyone()  # all have seen that the folder is new
    if accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        write_config(config, folder / CONFIG)
    accelerator.wait_for_everyone()
    if config.track:
        accelerator.init_trackers(folder.name, config=_flat(config))
    validation: Validation | None = None if held is None else make_validation(held, examples)
    trainer = Trainer(
        config,
        encoder,
        objective,
        examples,
        folder,
        accelerator,
        validation,
        views=views,
        parts=parts,
        show_progress=show_progress and accelerator.is_main_process,
    )
    if resume:
        trainer.restore()
    started = time.monotonic()
    try:
        progress = trainer.run()
    finally:
        if config.track:
            accelerator.end_training()
    result = asdict(progress) | {
        "measure": validation[0] if validation else None,
        "examples": len(examples),
        "seconds": round(time.monotonic() - started, 3),
    }
    if accelerator.is_main_process:
        _finish(folder, encoder, result)
    accelerator.wait_for_everyone()
    return _finished(folder)


def _finish(folder: Path, encoder: Encoder, result: dict[str, Any]) -> None:
    """RUN/model is the best model of the validation, or the last one; then the run is finished."""
    best = folder / "best"
    if best.exists():
        write_folder(folder / "model", lambda new: _copy(best, new))
    else:
        write_folder(folder / "model", encoder.save)
    temporary = folder / f".{RESULT}"
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(folder / RESULT)
    shutil.rmtree(best, ignore_errors=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def _finished(folder: Path) -> Run:
    from dipole.encoders import load_encoder

    recover_folder(folder / "model")
    result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return Run(folder, load_encoder(folder), result)


def _describe(**arguments: Any) -> dict[str, Any]:
    """What goes into config.yaml for arguments that may be objects of Python."""
    return {
        name: str(value) if isinstance(value, str | Path | float) else _PYTHON + _name(value)
        for name, value in arguments.items()
        if value is not None
    }


def _name(value: Any) -> str:
    return repr(value) if isinstance(value, Examples) else type(value).__name__


def _check_given_again(config: Config, **arguments: Any) -> None:
    """A run that was given an object needs it again: a file cannot hold it."""
    for name, value in arguments.items():
        before = str(getattr(config, name))
        if before.startswith(_PYTHON) and (value is None or isinstance(value, str)):
            raise InputError(
                f"{name}: the run was given {before.removeprefix(_PYTHON)}; "
                f"expected the same to go on: fit({name}=...)"
            )


def _config_of_run(folder: Path, given: dict[str, Any], *, resume: bool) -> Config:
    """The settings given, or on resume those of the run, which nothing given may contradict."""
    before = folder / CONFIG
    if not resume:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"{folder}: exists; expected a new folder for the run, or --resume to go on with it"
            )
        return make_config(**given)
    if not before.exists():
        if "data" not in given:
            raise InputError(f"{folder}: no run to resume ({CONFIG} is missing)")
        return make_config(**given)
    settings = read_config(before)
    for name, value in make_config(**(settings | given)).model_dump().items():
        if name in given and value != settings.get(name):
            raise InputError(
                f"{name}: {value!r}, but the run in {folder} has {settings.get(name)!r}; "
                "expected the same settings on resume"
            )
    return make_config(**settings)


def _announce(purpose: str, examples: Examples) -> None:
    """Which rows and columns were taken, and what was left out: it may not be what was meant."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    console.print(f"{purpose}: {len(examples):,} examples from {examples.origin}", markup=False)
    if examples.skipped:
        console.print(
            f"skipped {examples.skipped.count:,} rows; the first: {examples.skipped.messages[0]}",
            markup=False,
        )


def _with_defaults(config: Config, encoder: Encoder) -> Config:
    """Settings that were not given are the encoder's own."""
    missing = {
        name: value
        for name, value in encoder.training_defaults.items()
        if getattr(config, name) is None
    }
    return config.model_copy(update=missing)


def _flat(config: Config) -> dict[str, Any]:
    """Settings as trackers take them: plain values."""
    return {
        name: value if isinstance(value, int | float | str | bool) else json.dumps(value)
        for name, value in config.model_dump().items()
    }
