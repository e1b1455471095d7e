"""`python -m dipole.studies.worker`: trains and measures cells, one after the other.

Reads the folder of a cell from every line of its input, and answers with the exit code. A process
of its own, so that a crash is a cell's own and threads are set before torch starts; several cells
in one, because a start costs seconds. What it leaves is written whole or not at all; a stopped
training goes on at its checkpoint.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import statistics
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.errors import DipoleError
from dipole.files import remove_folder, replaced, sweep, write_text
from dipole.lock import LOCK, Lock
from dipole.studies.cells import Cell, Cost
from dipole.studies.digest import code_of, named

if TYPE_CHECKING:
    from dipole.data import Examples

# Exit code of what Ctrl-C ended.
STOPPED = 130
CELL, COST, ERROR, LOG, SPEED = "cell.json", "cost.json", "error.txt", "log.txt", "speed.json"
RUN, MEASURES = "run", "measures"
# A speed is measured on this much training, the first steps apart.
_FIRST_STEPS, _SPEED_SECONDS = 6, 3.0

# A larger model is dropped once it is measured: dozens of runs would fill a disk.
_KEPT_MB = 20


def work(folder: Path, *, only_speed: bool = False) -> None:
    """What is still missing of the cell in `folder`."""
    cell = Cell.from_json((folder / CELL).read_text(encoding="utf-8"))
    # Studies share cells: who comes second finds them done.
    with Lock(folder / LOCK, f"{folder}: another study", wait=True):
        for place in (folder, folder / MEASURES, folder / RUN):
            sweep(place)
        if only_speed:
            _write_json(folder / SPEED, {"steps_per_second": measured_speed(cell, folder)})
            return
        missing = [name for name in cell.measures if not measured_path(folder, name).exists()]
        if missing or not (folder / COST).exists():
            _train_and_measure(cell, folder, missing)


def measured_path(folder: Path, measure: str) -> Path:
    """The file of a measure's numbers, named after its code as well."""
    name = re.sub(r"[^\w.-]", ".", measure)
    return folder / MEASURES / f"{name}-{code_of(named([measure]))}.npz"


def measured_speed(cell: Cell, folder: Path) -> float:
    """Steps per second of the cell's training, over some seconds; the weights are thrown away."""
    train, _ = _examples(cell)
    steps = _FIRST_STEPS
    while True:
        trial = folder / "trial"
        shutil.rmtree(trial, ignore_errors=True)
        rates = _trial(cell, train, trial, steps)
        shutil.rmtree(trial)
        median = statistics.median(rates[len(rates) // 2 :])
        if steps > _FIRST_STEPS or steps / median >= _SPEED_SECONDS:
            return median
        steps = max(_FIRST_STEPS + 1, round(_SPEED_SECONDS * median))


def _trial(cell: Cell, train: Examples, folder: Path, steps: int) -> list[float]:
    """Steps per second at every step."""
    from dipole.training.config_file import read_config
    from dipole.training.fit import fit
    from dipole.training.recipe import Recipe

    settings = cell.fit_settings(train) | {"max_steps": steps, "log_every": 1}
    settings.pop("epochs", None)
    run = fit(out=folder, recipe=Recipe(), show_progress=False, **settings)
    size = read_config(run.folder / "config.yaml")["batch_size"]
    lines = (run.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["examples_per_second"] / size for line in lines]


def _examples(cell: Cell) -> tuple[Examples, Examples]:
    from dipole.studies.data import load_study_data
    from dipole.training.config import make_config

    config = make_config(**cell.run_settings())
    return load_study_data(config, cell.test, quick=cell.quick, fold=cell.fold)


def _train_and_measure(cell: Cell, folder: Path, missing: list[str]) -> None:
    import numpy as np

    from dipole.data.functions import in_study
    from dipole.studies.measures import Trained, as_arrays, measure
    from dipole.training.config import make_config
    from dipole.training.fit import fit
    from dipole.training.recipe import Recipe

    measures = {name: measure(name) for name in missing}
    train, test = _examples(cell)
    if (folder / COST).exists() and not (folder / RUN / "model").exists():
        remove_folder(folder / RUN)  # its model was dropped after it was measured
    settings = cell.fit_settings(train)
    started, cpu = time.monotonic(), time.process_time()
    with in_study(quick=cell.quick, fold=cell.fold):
        run = fit(out=folder / RUN, recipe=Recipe(), resume=True, show_progress=False, **settings)
    if not (folder / COST).exists():
        seconds = run.result.get("seconds", time.monotonic() - started)
        cpu = time.process_time() - cpu
        _write_json(folder / COST, asdict(_cost(run.folder, seconds, cpu, run.result)))
    model = Trained(run.encoder, train, test, make_config(**cell.run_settings()))
    (folder / MEASURES).mkdir(exist_ok=True)
    for name, function in measures.items():
        arrays = as_arrays(function(model))
        path = measured_path(folder, name)
        with replaced(path) as new:
            np.savez_compressed(new, **arrays)  # type: ignore[arg-type]
    if not cell.keep_model and _megabytes(folder / RUN / "model") > _KEPT_MB:
        remove_folder(folder / RUN / "model")
    remove_folder(folder / RUN / "checkpoints")


def _cost(run: Path, seconds: float, cpu: float, result: dict[str, Any]) -> Cost:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    speeds = [line["examples_per_second"] for line in map(json.loads, lines)
              if "examples_per_second" in line]  # fmt: skip
    return Cost(
        seconds=seconds,
        steps=result["step"],
        examples=result["examples"],
        examples_per_second=statistics.median(speeds) if speeds else 0.0,
        peak_mb=peak_mb(),
        cpu_seconds=cpu,
    )


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*")) / 2**20


def peak_mb() -> float:
    """The most memory this process has had, in MB (2^20 bytes)."""
    try:
        # Not ru_maxrss: that of a process is at least what its parent had.
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1) + "\n")


def _leave_with_parent() -> None:
    """Stop at the next step where the study that started this process is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def attempt(folder: Path, *, only_speed: bool = False) -> int:
    """0: done; else `error.txt` has the one line, and `log.txt` what there is beyond it."""
    (folder / ERROR).unlink(missing_ok=True)
    try:
        work(folder, only_speed=only_speed)
    except DipoleError as error:
        write_text(folder / ERROR, str(error))
        return error.exit_code
    except Exception as error:
        with (folder / LOG).open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        first = (str(error).splitlines() or [""])[0]
        write_text(folder / ERROR, f"{type(error).__name__}: {first}")
        return 1
    return 0


def serve() -> None:
    """Work at the cells that the input names until it ends; what libraries print goes into the
    cell's log."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        folder, only_speed = json.loads(line)
        with (Path(folder) / LOG).open("a", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        _forget_peak()
        code = attempt(Path(folder), only_speed=only_speed)
        answers.write(f"{code}\n")
        answers.flush()
        if code == STOPPED:
            return


def _forget_peak() -> None:
    """Let the peak of memory begin anew, where the system can: at what this process holds."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    _leave_with_parent()
    serve()
