"""The state of a run: weights, optimiser and progress, saved as checkpoints and restored."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.encoders.own import save_encoder
from dipole.errors import InputError
from dipole.showing import say
from dipole.training.build import is_made_of_data
from dipole.training.config import Config
from dipole.training.run import sharding
from dipole.training.run.checkpoints import (
    load_checkpoint,
    newest_whole,
    recover_folder,
    save_checkpoint,
    write_folder,
)
from dipole.training.run.folder import BEST, CHECKPOINTS, RESULT, START
from dipole.training.run.processes import together
from dipole.training.run.progress import METRICS, trim_metrics
from dipole.training.towers import Towers

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass
class Progress:
    """Where a run stands; with weights and optimiser, all there is to a checkpoint."""

    step: int = 0
    best: float | None = None
    best_step: int = 0
    misses: int = 0
    stopped: str = ""  # why a callback ended it
    seconds: float = 0.0  # of every process that worked on it, up to the last checkpoint


class State:
    """What `towers` and `optimizer` have become, in `folder`; every process calls it together.

    started: when this process began to work on it, by `time.monotonic`.
    """

    def __init__(
        self,
        config: Config,
        towers: Towers,
        optimizer: Any,
        folder: Path,
        accelerator: Accelerator,
        started: float,
    ) -> None:
        self.config = config
        self.towers = towers
        self.optimizer = optimizer
        self.folder = folder
        self.accelerator = accelerator
        self.progress = Progress()
        self._started = started
        self._seconds_before = 0.0
        self._has_start = False

    def save(self, *, is_last: bool = False) -> None:
        """Write a checkpoint.

        Beside all but the last one lies an encoder whose tokens were made of the data.
        """
        self.progress.seconds = self._seconds_before + time.monotonic() - self._started
        if self.config.sharded:
            state = sharding.state_of(self.towers, self.optimizer)
        elif self.accelerator.is_main_process:
            state = {
                "towers": self.towers.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
        if is_made_of_data(self.config.encoder) and not is_last and not self._has_start:
            self._has_start = True
            with sharding.whole(self.towers.encoder):
                together(self._write_start)

        def write() -> None:
            state["progress"] = asdict(self.progress)
            save_checkpoint(self.folder / CHECKPOINTS, self.progress.step, state)

        together(write)

    def _write_start(self) -> None:
        if not (self.folder / START).exists():
            write_folder(self.folder / START, partial(save_encoder, self.towers.encoder))

    def restore(self, total: int) -> None:
        """Go back to the newest checkpoint that is whole, if there is one, to go on to `total`.

        Raises InputError where there is none of a finished run, or where no step is left to do.
        """
        if self.accelerator.is_main_process:
            recover_folder(self.folder / BEST)
        found, notes = together(lambda: newest_whole(self.folder / CHECKPOINTS))
        if self.accelerator.is_main_process:
            for note in notes:
                say(note, error=True)
        is_finished = together((self.folder / RESULT).exists)
        if found is not None:
            self._load(found)
        elif is_finished:
            raise InputError(
                f"{self.folder}: finished, and it has no whole checkpoint from which it could be "
                f"lengthened; expected a new run: --encoder {self.folder}"
            )
        step = self.progress.step
        if step > total or (is_finished and step == total):
            raise InputError(
                f"{self.folder}: has had {step} steps, and {total} are asked for; "
                "expected more --epochs or --max-steps"
            )
        if is_finished:  # it goes on, though it may have been out of patience, or stopped
            self.progress.misses, self.progress.stopped = 0, ""
            self.save()
        if self.accelerator.is_main_process:
            trim_metrics(self.folder / METRICS, step)
        self.accelerator.wait_for_everyone()  # all have read before anyone writes

    def _load(self, path: Path) -> None:
        state = load_checkpoint(path)
        try:
            if self.config.sharded:
                sharding.load_state(self.towers, self.optimizer, state)
            else:
                self.towers.load_state_dict(state["towers"])
                self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[-1].strip().rstrip(".")
            raise InputError(
                f"{path}: does not fit ({reason}); expected the encoder, the objective and, of an "
                "objective with a state per example, the number of examples of before"
            ) from None
        self.progress = Progress(**state["progress"])
        self._seconds_before = self.progress.seconds
