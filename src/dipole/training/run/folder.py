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
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.encoders.base import Encoder, name_of
from dipole.errors import InputError
from dipole.files import remove_folder, replaced, sweep, write_text
from dipole.tables import Shown, Table
from dipole.training.build import is_made_of_data
from dipole.training.config import Config
from dipole.training.run.checkpoints import drop_checkpoints, recover_folder, write_folder
from dipole.training.run.history import History, plot_history, read_history
from dipole.training.run.origin import DATA
from dipole.training.run.processes import is_main
from dipole.training.run.progress import METRICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULT = "result.json"
CONFIG = "config.yaml"
MODEL, BEST, CHECKPOINTS = "model", "best", "checkpoints"
# The encoder's whole state, of a stage that others follow.
ENCODER = "encoder.pt"
# The encoder beside the first checkpoint: its tokens were made of the data.
START = "start"


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """One training and its folder: RUN/model, config.yaml, metrics.jsonl, result.json.

    `print(run)` and a notebook show what came out; `run.history` has what was logged, `run.plot()`
    draws it.
    """

    folder: Path
    encoder: Encoder
    result: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """The run of a folder, its encoder loaded.

        Raises:
            InputError: no run is there, or one that did not finish.

        Example:
            >>> Run.open("runs/first").plot()  # doctest: +SKIP
        """
        from dipole.encoders import load_encoder

        folder = Path(folder).expanduser()
        if not (folder / CONFIG).is_file():
            raise InputError(f"{folder}: no run here; expected a folder that dipole train made")
        if not (folder / RESULT).is_file():
            raise InputError(
                f"{folder}: the run did not finish; to go on: dipole train --out {folder} --resume"
            )
        recover_folder(folder / MODEL)
        return cls(folder, load_encoder(folder), read_result(folder))

    @property
    def history(self) -> History:
        """What was logged, a dict for every record; `pandas.DataFrame(run.history)` works."""
        return read_history(self.folder / METRICS)

    def plot(self) -> Figure:
        """Loss, validation measure and learning rate as a figure of matplotlib (the extra `plots`).

        Raises:
            InputError: matplotlib is not installed, or no step was logged yet.

        Example:
            >>> run.plot().savefig("training.png")  # doctest: +SKIP
        """
        measure = self.result.get("measure")
        return plot_history(self.history, measure, self.result.get("best_step"))

    def _table(self) -> Table:
        result = self.result
        rows = [("encoder", name_of(self.encoder))]
        for key, what in (("step", "steps"), ("examples", "examples")):
            if key in result:
                rows.append((what, f"{result[key]:,}"))
        if result.get("measure") and result.get("best") is not None:
            best = f"{result['best']:.4f} at step {result['best_step']:,}"
            rows.append((f"validation {result['measure']}", best))
        if result.get("stopped"):
            rows.append(("stopped", result["stopped"]))
        if "seconds" in result:
            rows.append(("time", f"{result['seconds']:,.1f} s"))
        return Table(f"Run {self.folder}", rows)


@contextmanager
def refused(folder: Path) -> Iterator[None]:
    """A new run that is refused (InputError) leaves nothing: its name is free for the next try."""
    from dipole.training.mined import forget
    from dipole.training.samplers import ALL_GROUPS

    try:
        yield
    except InputError:
        if is_main() and not any(folder.glob(f"{CHECKPOINTS}/*")):
            for name in (CONFIG, DATA, METRICS):
                (folder / name).unlink(missing_ok=True)
            for path in folder.glob(ALL_GROUPS):
                path.unlink()
            remove_folder(folder / START)
            forget(folder)
        raise


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
