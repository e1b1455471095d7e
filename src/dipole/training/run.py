"""A run: one training and its folder on disk."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.data import Examples
from dipole.encoders.base import Encoder
from dipole.training.build import build_parts, build_views
from dipole.training.checkpoints import recover_folder, write_folder
from dipole.training.config import Config, write_config

if TYPE_CHECKING:
    from torch import nn

    from dipole.training.validation import Validation

RESULT = "result.json"
CONFIG = "config.yaml"
# The encoder's whole state, of a stage that others follow.
ENCODER = "encoder.pt"


@dataclass(frozen=True)
class Run:
    """One training and its folder: RUN/model, config.yaml, metrics.jsonl, result.json."""

    folder: Path
    encoder: Encoder
    result: dict[str, Any] = field(default_factory=dict)


def train(
    config: Config,
    encoder: Encoder,
    objective: nn.Module,
    examples: Examples,
    held: Examples | None,
    folder: Path,
    *,
    resume: bool,
    show_progress: bool,
    keep_encoder: bool = False,
) -> Run:
    """Train, and write the run; `keep_encoder` also keeps what only a training needs of it."""
    import torch
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    from dipole.training.locking import locked
    from dipole.training.loop import Trainer
    from dipole.training.sharding import whole
    from dipole.training.towers import inputs_of
    from dipole.training.validation import make_validation

    inputs = inputs_of(objective)
    views = build_views(config, examples, inputs)
    parts = build_parts(config, encoder, examples, inputs, show_progress=show_progress)
    accelerator = Accelerator(
        # Without this accelerate overlooks several processes on CPUs.
        cpu=not torch.accelerator.is_available(),
        # The loop's own autocast: accelerate would keep the first run's for the whole process.
        mixed_precision="no",
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
    encoder.to(accelerator.device)
    shown = show_progress and accelerator.is_main_process
    started = time.monotonic()
    with locked(encoder, config.locked, examples, show_progress=shown):
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
            show_progress=shown,
        )
        if resume:
            trainer.restore()
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
    with whole(encoder):
        if accelerator.is_main_process:
            if keep_encoder:
                save_encoder(encoder, folder)
            write_model(folder, encoder)
            write_result(folder, result)
    accelerator.wait_for_everyone()
    if accelerator.device.type != "cpu":  # a search of all garbage takes longer than a small run
        accelerator.free_memory()
    return finished(folder)


def save_encoder(encoder: Encoder, folder: Path) -> None:
    """The encoder as training has it, best or last, for a training that goes on from it."""
    import torch

    from dipole.encoders import load_encoder

    if (folder / "best").exists():  # a training head is not saved: it stays as it is
        encoder.load_state_dict(load_encoder(folder / "best").weights(), strict=False)
    temporary = folder / f".{ENCODER}"
    torch.save(encoder.state_dict(), temporary)
    temporary.replace(folder / ENCODER)


def write_model(folder: Path, encoder: Encoder) -> None:
    """RUN/model is the best model of the validation, or the last one."""
    best = folder / "best"
    if best.exists():
        copy_folder(best, folder / "model")
    else:
        write_folder(folder / "model", encoder.save)


def copy_folder(source: Path, target: Path) -> None:
    """A whole copy, or the old folder."""

    def write(new: Path) -> None:
        shutil.copytree(source, new, dirs_exist_ok=True)

    write_folder(target, write)


def write_result(folder: Path, result: dict[str, Any]) -> None:
    """Written last: the run is finished, and what it needed to go on is gone."""
    temporary = folder / f".{RESULT}"
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(folder / RESULT)
    for name in ("best", "checkpoints"):
        shutil.rmtree(folder / name, ignore_errors=True)


def read_result(folder: Path) -> dict[str, Any]:
    """What `write_result` wrote."""
    result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return result


def finished(folder: Path) -> Run:
    """The run that a folder holds."""
    from dipole.encoders import load_encoder

    recover_folder(folder / "model")
    return Run(folder, load_encoder(folder), read_result(folder))


def _flat(config: Config) -> dict[str, Any]:
    """Settings as trackers take them: plain values."""
    return {
        name: value if isinstance(value, int | float | str | bool) else json.dumps(value)
        for name, value in config.model_dump().items()
    }
