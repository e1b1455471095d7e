"""Objectives or recipes under one budget, with the same batches, seeds and measure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data import Examples, Labeled, Pairs, Scored, Triplets
from dipole.data.fingerprint import fingerprint, seen_share
from dipole.data.named import NAMED
from dipole.errors import InputError, RunError
from dipole.files import write_text
from dipole.lock import LOCK, Lock
from dipole.studies.budget import Budget
from dipole.studies.cells import Cell
from dipole.studies.claim import LOOKS
from dipole.studies.data import load_study_data
from dipole.studies.machine import machine, versions
from dipole.studies.running import DONE, FAILED, Row, Watch, collect, run_study
from dipole.studies.verdict import LEVELS
from dipole.training.config import make_config

if TYPE_CHECKING:
    from dipole.evaluation.statistics.standings import Standing

# What is compared where nothing is named: they take two texts or two views and nothing else.
OBJECTIVES = (
    "infonce", "ntxent", "dcl", "siglip", "hn-nce", "align-uniform", "triplet-batch", "vicreg",
)  # fmt: skip
IMAGES = {"encoder": "conv", "view": ["simclr"]}


@dataclass(frozen=True)
class Comparison:
    """Arms, where they stand, and what it took."""

    data: str
    metric: str
    budget: Budget
    seeds: int  # the most that an arm has
    level: float
    places: Sequence[Standing]
    outcome: Mapping[str, Mapping[str, np.ndarray]]
    rows: Sequence[Row]
    command: str
    seconds: float
    measured: str = ""  # rows, file and columns of the test

    @property
    def failures(self) -> dict[str, str]:
        """Arm -> why it is not in the table."""
        return {row.cell.arm: row.error for row in reversed(self.rows) if row.state == FAILED}

    @property
    def advice(self) -> str:
        """What more seeds would tell; empty where the best is ahead of all others."""
        tied = sum(place.tied for place in self.places)
        if tied == 1:
            return ""
        if self.seeds < 3:
            few = "One seed says nothing of another" if self.seeds == 1 else "Two seeds are too few"
            return f"{few}; --seeds 5 would tell more"
        if self.seeds < LOOKS[0]:
            return f"{self.seeds} seeds tell little apart; --seeds 10 would tell more"
        return ""

    def done(self, arm: str) -> list[Row]:
        """The finished runs of an arm."""
        return [row for row in self.rows if row.cell.arm == arm and row.state == DONE]

    def cost(self, arm: str) -> dict[str, float]:
        """Means over the seeds: steps, seconds, examples per second, and the largest peak in MB."""
        costs = [row.cost for row in self.done(arm)]
        return {
            "steps": float(np.mean([cost.steps for cost in costs])),
            "seconds": float(np.mean([cost.seconds for cost in costs])),
            "examples_per_second": float(np.mean([cost.examples_per_second for cost in costs])),
            "peak_mb": float(np.max([cost.peak_mb for cost in costs])),
        }

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values: what results.json holds."""
        arms = []
        for rank, place in enumerate(self.places, 1):
            shown = {
                "arm": place.system,
                "rank": rank,
                "tied_with_best": place.tied,
                **_interval("score", place.score),
                "seeds": len(place.score.per_seed),
                "per_seed": list(place.score.per_seed),
                **_interval("behind_best", place.behind),
                "p": _number(place.p),
                "metrics": {m: float(v.mean()) for m, v in self.outcome[place.system].items()},
                **self.cost(place.system),
                "settings": dict(self.done(place.system)[0].cell.settings),
                "model": str(self.done(place.system)[0].folder / "run" / "model"),
            }
            arms.append(shown)
        return {
            "data": self.data, "measured": self.measured, "metric": self.metric,
            "budget": str(self.budget),
            "seeds": self.seeds, "level": self.level, "advice": self.advice,
            "items": self.places[0].score.items, "arms": arms,
            "failures": self.failures, "command": self.command,
            "date": datetime.now(UTC).date().isoformat(), "machine": machine(),
            "versions": versions(),
        }  # fmt: skip


def compare(
    arms: Mapping[str, Mapping[str, Any]],
    budget: Budget,
    out: Path,
    *,
    seeds: Sequence[int] = (3,),
    folds: int = 0,
    test: str | None = None,
    jobs: int | None = None,
    watch: Watch | None = None,
    command: str = "",
    said: Callable[[str], object] | None = None,
) -> Comparison:
    """Train every arm (name -> settings of `dipole train`) at every seed, and rank the arms.

    seeds: numbers of seeds at which the arms are looked at: after a look those go on that cannot be
    told from the best, until it is told from all. folds: seed s is tested on fold s of so many and
    trained on the others, in the place of seeds and test.

    Runs lie in `out`; the same call again goes on where it was. An arm one of whose runs fails is
    in `failures` and not in the ranking.

    `said` is told which rows and columns are taken.

    Raises InputError for data that nothing can be measured on; RunError where no arm is left, or
    where another process compares in `out`.
    """
    started = time.monotonic()
    first = next(iter(arms.values()))
    data = str(first["data"])
    for arm, settings in arms.items():  # before anything is read
        Cell(arm, 0, settings, ()).check()
    looks = [folds] if folds else list(seeds)
    tests = [f"{i + 1}/{folds}" if folds else test for i in range(looks[-1])]
    train, examples = load_study_data(make_config(**first), tests[0])
    measure, metric = measure_for(examples)
    measured = f"{len(examples):,} examples from {examples.origin}"
    if said is not None:
        said(f"training: {len(train):,} examples from {train.origin}")
        said(f"test: {measured}")
        if (seen := seen_share(examples, fingerprint(train))) > 0:
            said(f"warning: {seen:.0%} of the test rows are trained on: of these the numbers say "
                 "how well they are remembered")  # fmt: skip
    level, going, rows = LEVELS[len(looks)], set(arms), list[Row]()
    from dipole.evaluation.statistics.standings import leaderboard

    with Lock(out / LOCK, f"{out}: another comparison"):
        for look in looks:
            cells = [
                # One model of each arm is kept, that of the first seed.
                Cell(arm, seed, settings, (measure,), test=tests[seed], keep_model=seed == 0)
                for seed in range(look)
                for arm, settings in arms.items()
                if arm in going
            ]
            rows = [row for row in rows if row.cell.arm not in going]
            rows += run_study(cells, budget, out / "runs", jobs=jobs, watch=watch)
            outcome = collect(rows)
            if not outcome:
                name, error = next((r.cell.arm, r.error) for r in rows if r.state == FAILED)
                raise RunError(f"no arm could be trained; {name}: {error}")
            tables = {arm: found[metric] for arm, found in outcome.items()}
            places = leaderboard(tables, left=tables.keys() - going, level=level)
            going = {place.system for place in places if place.tied}
            if len(going) == 1:
                break
    seconds = time.monotonic() - started
    most = len(places[0].score.per_seed)
    return Comparison(
        data, metric, budget, most, level, places, outcome, rows, command, seconds, measured
    )


def defaults_for(data: str) -> dict[str, Any]:
    """Encoder and views of built-in images; text needs none said."""
    return dict(IMAGES) if data in NAMED and NAMED[data].images else {}


def measure_for(test: Examples) -> tuple[str, str]:
    """(measure, its metric that ranks) of these test examples."""
    if isinstance(test, Pairs | Triplets):
        return "retrieval", "MRR@10"
    if isinstance(test, Labeled):
        return "knn", "kNN accuracy"
    if isinstance(test, Scored):
        return "sts", "Spearman"
    raise InputError(
        f"compare: {test!r} has nothing to measure on; expected pairs, labels or scored pairs"
    )


def write_results(comparison: Comparison, out: Path) -> None:
    """results.json, leaderboard.png and .svg, report.html in `out`."""
    from dipole.evaluation.plots.results import draw_leaderboard
    from dipole.studies.comparison.html import report_html

    text = json.dumps(comparison.to_json(), indent=1, ensure_ascii=False)
    write_text(out / "results.json", text + "\n")
    draw_leaderboard(
        out / "leaderboard",
        {place.system: place.score[:3] for place in comparison.places},
        tied=[place.system for place in comparison.places if place.tied],
        title=f"{comparison.data}, {comparison.budget}, {comparison.seeds} seeds",
        x=comparison.metric,
        level=comparison.level,
    )
    write_text(out / "report.html", report_html(comparison))


def _interval(name: str, interval: Any) -> dict[str, float | None]:
    return {
        name: _number(interval.value),
        f"{name}_low": _number(interval.low),
        f"{name}_high": _number(interval.high),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
