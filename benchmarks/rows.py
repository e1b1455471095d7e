"""Rows of a benchmark, each measured in a process of its own, and the table of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
BASE = "sentence-transformers"


def measured(
    name: str, given: dict[str, Any], vectors: Path, environment: Mapping[str, str] | None = None
) -> Row:
    """What `training_worker` finds for a row, or why there is nothing."""
    settings = json.dumps(given | {"vectors": str(vectors)})
    command = [sys.executable, "-m", "benchmarks.training_worker", name, settings]
    variables = os.environ | {"OMP_WAIT_POLICY": "passive"} | dict(environment or {})
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name}: {reason}", flush=True)
        return {"reason": reason}
    found: Row = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{name}: {found}", flush=True)
    return found


def cosine(vectors: Path, wanted: Path) -> float:
    """Mean over the rows of two files, in float64; nan where one is not there."""
    if not (vectors.exists() and wanted.exists()):
        return float("nan")
    a, b = (np.atleast_2d(np.load(path)) for path in (vectors, wanted))
    products = np.einsum("nd,nd->n", a, b, dtype=np.float64)
    lengths = [np.sqrt(np.einsum("nd,nd->n", v, v, dtype=np.float64)) for v in (a, b)]
    return float((products / lengths[0] / lengths[1]).mean())


def table(
    rows: Iterable[tuple[str, Row]], measure: str, columns: dict[str, Callable[[Row], str]]
) -> str:
    """`measure` of every row and its ratio to the last base before it, then the columns."""
    titles = ["", measure.replace("_", " ").replace(" per ", "/"), "ratio", *columns]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    base = None
    for name, row in rows:
        cells = [row.get("reason", ""), *[""] * (len(titles) - 2)]
        if name.endswith(BASE):
            base = row.get(measure)
        if measure in row:
            ratio = f"{row[measure] / base:.2f}" if base else "-"
            cells = [f"{row[measure]:.1f}", ratio, *(show(row) for show in columns.values())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
