"""Time and memory of the objectives beside other libraries."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import time
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import machine
from benchmarks.cases import CASES, DIPOLE
from benchmarks.pictures import draw
from benchmarks.report import Run, document
from benchmarks.session import Limits, Row, run_session

# n, d of every objective; InfoNCE also where d = 384 makes the products dear, and dipole alone
# where nobody else fits.
SIZES = [(256, 128), (512, 128), (1024, 128), (4096, 128), (1024, 384), (4096, 384)]
LARGE = 16384
HUGE = 131072
QUICK = [(256, 128), (1024, 128)]


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure, then write the page, its pictures and the bare numbers."""
    limits = Limits(
        seconds=4 if quick else 20,
        memory=min(12 * 2**30, int(machine.available() * 0.6)),
        threads=threads,
    )
    multiprocessing.get_context("forkserver").set_forkserver_preload(["benchmarks.preload"])
    start, load = time.monotonic(), machine.load()
    rows: list[Row] = []
    for case in CASES:
        sizes = list(QUICK if quick else SIZES)
        if not quick:
            sizes += [(LARGE, 128)] + [(LARGE, 384)] * (case.key == "infonce")
        for n, d in sizes:
            rows += told(run_session(case, n, d, limits, rows))
    if not quick:
        patient = replace(limits, seconds=300)
        rows += told(run_session(CASES[0], HUGE, 128, patient, [], only=(DIPOLE,)))
    facts = {
        "date": datetime.date.today().isoformat(),
        "processor": machine.processor(),
        "threads": str(threads),
        "load average at the start": load,
        "load average at the end": f"{machine.load()} (the benchmark itself adds about {threads})",
        "it took": f"{(time.monotonic() - start) / 60:.1f} minutes",
        **machine.versions(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pictures = draw(rows, folder, 128)
    page = document(Run(command, facts, limits, rows), pictures)
    (folder / "objectives.md").write_text(page)
    numbers = {"facts": facts, "rows": [asdict(row) for row in rows]}
    (folder / "objectives.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'objectives.md'} after {facts['it took']}")


def told(rows: list[Row]) -> list[Row]:
    """The rows, printed."""
    for row in rows:
        figures = row.reason or f"{row.median * 1e3:9,.1f} ms {(row.growth or 0) / 1e6:8,.0f} MB"
        name = f"{row.objective:17}{row.implementation:45}"
        print(f"{name}{row.n:8,} x {row.d:<4}{figures}", flush=True)
    return rows
