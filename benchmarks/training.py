"""Training, encoding and gradient caching beside sentence-transformers, on MiniLM."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.training_worker import ROWS

FULL = {
    "steps": 32, "batch": 64, "length": 128, "queries": 300,
    "texts": 4000, "cached_batch": 256, "chunk": 16, "cached_length": 64,
}  # fmt: skip
QUICK = FULL | {"steps": 6, "batch": 8, "length": 32, "queries": 20, "texts": 64}
QUICK |= {"cached_batch": 32, "chunk": 8}

PAGE = """# Training and encoding beside sentence-transformers

Written by `{command}`; every number comes from that one run.

| | |
|---|---|
{facts}

all-MiniLM-L6-v2 on docstrings and code of Python's standard library; every row is a process of its
own, one after another. Ratios are to sentence-transformers with its defaults.

## Training

{steps} steps of {batch} pairs, at most {length} tokens, AdamW, the same learning rate and the same
in-batch softmax (anchor to positive, temperature 0.05) in every row. Examples per second: the
median step after the first three. MRR@10 on {queries} questions that none has seen, with its 95 %
interval, encoded alike.

{training}

![examples per second](training-speed.png)

What makes the difference: texts of a batch are encoded in parts of similar length, each cut to its
longest (no work on padding, activations that fit in the cache); matrix products, those of attention
too, are bf16 where the processor computes them faster, while weights, sums and the objective stay
float32; dropout draws one random number for four elements.

## Encoding

{texts} docstrings, each library's `encode` with its defaults (sentence-transformers: float32,
batches of 32 sorted by characters).

{encoding}

## Gradient cache

A batch of {cached_batch} pairs of at most {cached_length} tokens, encoded {chunk} at a time,
forward and backward once, without dropout, so that losses and gradients can be compared. Growth is
the peak of the resident size over what the process held before, gradients of the weights included.

{cached}
"""


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure every row, then write page, picture and numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        given = (QUICK if quick else FULL) | {"threads": threads}
        rows = {name: measured(name, given, Path(scratch)) for name in ROWS}
        titles = {vectors_file(name, Path(scratch)).stem: name for name in ROWS}
        for kind in ("encoding", "cached"):
            for stem, near in cosines(Path(scratch), kind).items():
                rows[titles[stem]]["cosine"] = near
    facts = {
        "date": datetime.date.today().isoformat(),
        "processor": machine.processor(),
        "threads": str(threads),
        "load average at the end": machine.load(),
        **machine.versions(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    picture(rows, folder / "training-speed.png")
    page = PAGE.format(
        command=command,
        facts="\n".join(f"| {key} | {value} |" for key, value in facts.items()),
        training=table(
            rows,
            "training",
            "examples_per_second",
            {
                "CPU s": lambda row: f"{row['cpu_seconds']:.0f}",
                "peak MB": lambda row: f"{row['peak_mb']:.0f}",
                "MRR@10": reciprocal_rank,
            },
        ),
        encoding=table(
            rows,
            "encoding",
            "texts_per_second",
            {
                "mean cosine to float32": lambda row: f"{row['cosine']:.6f}",
            },
        ),
        cached=table(
            rows,
            "cached",
            "seconds",
            {
                "growth MB": lambda row: f"{row['growth_mb']:.0f}",
                "loss": lambda row: f"{row['loss']:.6f}",
                "cosine of the gradients": lambda row: f"{row['cosine']:.9f}",
            },
        ),
        **given,
    )
    (folder / "training.md").write_text(page)
    numbers = {"facts": facts, "settings": given, "rows": rows}
    (folder / "training.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'training.md'}")


def measured(name: str, given: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """A row's numbers, or why there are none."""
    settings = json.dumps(given | {"vectors": str(vectors_file(name, scratch))})
    command = [sys.executable, "-m", "benchmarks.training_worker", name, settings]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_WAIT_POLICY": "passive"}
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{name}: {reason}", flush=True)
        return {"reason": reason}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{name}: {found}", flush=True)
    return found


def vectors_file(name: str, scratch: Path) -> Path:
    """Where a row leaves its vectors, or its gradient."""
    return scratch / f"{name.replace(' ', '-').replace(':', '')}.npy"


def cosines(scratch: Path, kind: str) -> dict[str, float]:
    """Mean cosine of each row's vectors (its gradient) with sentence-transformers' in float32."""
    found = {path.stem: np.load(path) for path in sorted(scratch.glob(f"{kind}-*.npy"))}
    wanted = found.get(f"{kind}-sentence-transformers")
    return {} if wanted is None else {name: cosine(v, wanted) for name, v in found.items()}


def cosine(vectors: np.ndarray, wanted: np.ndarray) -> float:
    """Mean over the rows, in float64."""
    a, b = np.atleast_2d(vectors), np.atleast_2d(wanted)
    products = np.einsum("nd,nd->n", a, b, dtype=np.float64)
    lengths = [np.sqrt(np.einsum("nd,nd->n", v, v, dtype=np.float64)) for v in (a, b)]
    return float((products / lengths[0] / lengths[1]).mean())


def table(
    rows: dict[str, dict[str, Any]],
    kind: str,
    measure: str,
    columns: dict[str, Callable[[dict[str, Any]], str]],
) -> str:
    """The rows of one kind: `measure` and its ratio to sentence-transformers, then the columns."""
    base = rows[f"{kind}: sentence-transformers"].get(measure)
    titles = ["", measure.replace("_", " ").replace(" per ", "/"), "ratio", *columns]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for name, row in of(rows, kind):
        cells = [row.get("reason", ""), *[""] * (len(titles) - 2)]
        if measure in row:
            ratio = f"{row[measure] / base:.2f}" if base else "-"
            cells = [f"{row[measure]:.1f}", ratio, *(show(row) for show in columns.values())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reciprocal_rank(row: dict[str, Any]) -> str:
    """MRR@10 with its interval."""
    value, low, high = row["mrr"]
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def of(rows: dict[str, dict[str, Any]], kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of one table, without its name in front."""
    return [(n.partition(": ")[2], row) for n, row in rows.items() if n.startswith(f"{kind}:")]


def picture(rows: dict[str, dict[str, Any]], path: Path) -> None:
    """Examples per second as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kept = [(name, row) for name, row in of(rows, "training") if "reason" not in row]
    figure, axis = pyplot.subplots(figsize=(7, 0.6 + 0.5 * len(kept)), layout="constrained")
    names = [name for name, _ in kept]
    speeds = [row["examples_per_second"] for _, row in kept]
    colours = ["#0072B2" if name.startswith("dipole") else "#999999" for name in names]
    bars = axis.barh(names, speeds, color=colours)
    axis.bar_label(bars, fmt="%.1f", padding=3)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel("examples per second (training)")
    figure.savefig(path, dpi=130)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    pyplot.close(figure)
