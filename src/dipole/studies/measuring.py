"""What a bench can decide: its numbers without training, trained, and with more of everything."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError, RunError
from dipole.studies.bench import Bench, Numbers
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell, default_root
from dipole.studies.data import load_study_data
from dipole.studies.measures import Trained, as_arrays, measure
from dipole.studies.running import FAILED, Watch, run_study
from dipole.training.build import build_encoder
from dipole.training.config import make_config
from dipole.training.recipe import LENGTH, over

SEEDS = 10
# Of data in folds: this many folds, each at as many seeds as make up SEEDS. What one seed differs
# from another is asked within a fold: that folds differ is no noise of a training.
FOLDS = 5
# Seeds of the row "ceiling", which costs most.
CEILING_SEEDS = 2


def measure_bench(
    where: Bench, *, root: Path | None = None, jobs: int | None = None, watch: Watch | None = None
) -> Numbers:
    """The numbers of a bench, in the unit of its metric: its baseline `SEEDS` times."""
    root = root or default_root()
    # The folds that are measured on; None: the fixed items.
    parts: list[int | None] = list(range(FOLDS)) if where.folds else [None]
    several = [(seed, part) for part in parts for seed in range(SEEDS // len(parts))]
    few = several if where.folds else several[:CEILING_SEEDS]
    trained, seconds = _trained(where, where.baseline, several, root, jobs, watch)
    most, _ = _trained(where, where.ceiling, several[:CEILING_SEEDS], root, jobs, watch)
    means = np.array([one.mean() for one in trained]).reshape(len(parts), -1)
    return Numbers(
        trivial=_round(np.mean([_trivial(where, part).mean() for part in parts])),
        untrained=_round(np.mean([_untrained(where, *one).mean() for one in few])),
        trained=_round(means.mean()),
        ceiling=_round(np.mean([one.mean() for one in most])),
        seed_sd=_round(means.var(axis=1, ddof=1).mean() ** 0.5),
        item_error=_item_error(trained),
        seconds=_round(seconds),
        seeds=SEEDS,
        data=data_digest(_settings(where), parts[0]),
        date=datetime.now(UTC).date().isoformat(),
    )


def data_digest(settings: Mapping[str, Any], fold: int | None = None) -> str:
    """SHA-256 of the rows that settings name, to train and to test on, in order."""
    from dipole.data.fingerprint import fingerprint

    found = sha256()
    for part in load_study_data(make_config(**settings), fold=fold):
        found.update(fingerprint(part)["digest"].encode())
    return found.hexdigest()


def _trained(
    where: Bench, own: Any, several: Sequence[tuple[int, int | None]], root: Path,
    jobs: int | None, watch: Watch | None,
) -> tuple[list[np.ndarray], float]:  # fmt: skip
    """Per-item values of each (seed, fold), and seconds of CPU a cell."""
    settings = {"data": where.data, **over(where.settings, own)}
    budget = {name: settings.pop(name) for name in LENGTH if name in settings}
    cells = [
        Cell(where.id, seed, settings, where.measures, budget, fold=part) for seed, part in several
    ]
    rows = run_study(cells, parse_budget("1epochs"), root, jobs=jobs, alone=False, watch=watch)
    for row in rows:
        if row.state == FAILED:
            raise RunError(f"{where.id}, seed {row.cell.seed}: {row.error}")
    values = [row.metrics[where.metric] for row in rows]
    return values, float(np.mean([row.cost.cpu_seconds for row in rows]))


def _trivial(where: Bench, fold: int | None) -> np.ndarray:
    module, _, name = where.trivial.partition(":")
    rule = getattr(importlib.import_module(module), name)
    return np.asarray(rule(*load_study_data(_config(where, 0), fold=fold)))


def untrained(cell: Cell) -> dict[str, np.ndarray]:
    """What a cell measures, of its encoder before any training: metric -> (items,)."""
    config = make_config(**cell.run_settings())
    train, test = load_study_data(config, cell.test, quick=cell.quick, fold=cell.fold)
    model = Trained(build_encoder(config, train).eval(), train, test, config)
    found: dict[str, np.ndarray] = {}
    for name in cell.measures:
        found |= as_arrays(measure(name)(model))
    return found


def _untrained(where: Bench, seed: int, fold: int | None) -> np.ndarray:
    settings = _settings(where)
    budget = {name: settings.pop(name) for name in LENGTH if name in settings}
    found = untrained(Cell(where.id, seed, settings, where.measures, budget, fold=fold))
    if where.metric not in found:
        raise InputError(f"bench {where.id}: no measure gives {where.metric}")
    return found[where.metric]


def _config(where: Bench, seed: int) -> Any:
    return make_config(**_settings(where), seed=seed)


def _settings(where: Bench) -> dict[str, Any]:
    return {"data": where.data, **over(where.settings, where.baseline)}


def _item_error(values: Sequence[np.ndarray]) -> float | None:
    if any(len(one) < 2 for one in values):
        return None
    return _round(np.mean([one.std(ddof=1) / len(one) ** 0.5 for one in values]))


def _round(value: Any) -> float:
    return round(float(value), 3)


def bench_page(where: Bench, found: Numbers) -> str:
    """The page of a bench: what it is, what it can decide."""
    yes = "admitted" if found.admitted else "not admitted: too little room"
    rows: Sequence[tuple[str, str]] = [
        ("without training, by a simple rule", f"{found.trivial:.1f}"),
        ("the tower untrained", f"{found.untrained:.1f}"),
        ("trained", f"{found.trained:.1f}"),
        ("trained with more of everything", f"{found.ceiling:.1f}"),
        ("standard deviation of a seed", f"{found.seed_sd:.2f}"),
        (
            "standard error of the items, one seed",
            "none" if found.item_error is None else f"{found.item_error:.2f}",
        ),
        ("trained minus untrained, in deviations of a seed", f"{found.room:.0f} ({yes})"),
        ("a difference smaller than this is none", f"{where.delta:g}"),
        ("seconds of CPU a training", f"{found.seconds:.1f}"),
    ]
    lines = [
        f"# The bench {where.id}",
        "",
        "<!-- Written by `dipole benches measure`; do not edit. -->",
        "",
        f"{where.about[0].upper()}{where.about[1:]}.",
        "",
        f"| {where.metric} | |",
        "|---|---:|",
        *(f"| {what} | {value} |" for what, value in rows),
        "",
        f"Trained: {_said(where.baseline)}; {_seeds(where, found)}. More of everything:"
        f" {_said(where.ceiling)}.",
        "",
        f"Data: {', '.join(where.needs) or f'`{where.data}`'}, SHA-256 `{found.data}`; measured on"
        f" {found.date}.",
    ]
    return "\n".join(lines) + "\n"


def _seeds(where: Bench, found: Numbers) -> str:
    if where.folds:
        return f"{found.seeds // FOLDS} seeds on each of {FOLDS} folds"
    return f"{found.seeds} seeds"


def _said(settings: Any) -> str:
    return ", ".join(
        f"{k} {', '.join(v) if isinstance(v, list) else v}" for k, v in settings.items()
    )
