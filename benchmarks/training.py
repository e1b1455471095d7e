"""Training, encoding and gradient caching beside sentence-transformers, on MiniLM."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.training_worker import ROWS

FULL = {
    "steps": 24, "batch": 64, "length": 128, "queries": 300,
    "texts": 1000, "cached_batch": 256, "chunk": 32, "cached_length": 64,
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

{steps} steps of {batch} pairs, at most {length} tokens, AdamW, the same learning rate; in-batch
softmax at temperature 0.05 on both sides. Examples per second: the median step after the first
three. MRR@10 on {queries} questions that neither has seen, with its 95 % interval, encoded alike.

{training}

![examples per second](training-speed.png)

What makes the difference: texts of a batch are encoded in parts of similar length, each cut to its
longest (no work on padding, activations that fit in the cache), and matrix products are bf16 where
the processor computes them faster; weights, sums and the objective stay float32.

## Encoding

{texts} docstrings, each library's `encode` with its defaults (sentence-transformers: float32,
batches of 32 sorted by characters).

{encoding}

## Gradient cache

A batch of {cached_batch} pairs of at most {cached_length} tokens, encoded {chunk} at a time,
forward and backward once, without dropout: equal losses show that the same thing is computed.

{cached}
"""


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure every row, then write page, picture and numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        given = (QUICK if quick else FULL) | {"threads": threads}
        rows = {name: measured(name, given, Path(scratch)) for name in ROWS}
        closeness = cosines(Path(scratch))
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
        training=training_table(rows),
        encoding=encoding_table(rows, closeness),
        cached=cached_table(rows),
        **given,
    )
    (folder / "training.md").write_text(page)
    numbers = {"facts": facts, "settings": given, "rows": rows, "cosines": closeness}
    (folder / "training.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'training.md'}")


def measured(name: str, given: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """A row's numbers, or why there are none."""
    vectors = scratch / f"{name.replace(' ', '-').replace(':', '')}.npy"
    settings = json.dumps(given | {"vectors": str(vectors)})
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


def cosines(scratch: Path) -> dict[str, float]:
    """Mean cosine of each row's vectors with sentence-transformers' in float32."""
    reference = scratch / "encoding-sentence-transformers.npy"
    if not reference.exists():
        return {}
    wanted = np.load(reference)
    return {
        path.stem: float((np.load(path) * wanted).sum(1).mean())
        for path in sorted(scratch.glob("encoding-*.npy"))
    }


def training_table(rows: dict[str, dict[str, Any]]) -> str:
    """Speed, memory and what was learnt."""
    lines = ["| | examples/s | ratio | CPU s | peak MB | MRR@10 |", "|---|---|---|---|---|---|"]
    base = rows["training: sentence-transformers"].get("examples_per_second")
    for name, row in of(rows, "training"):
        if "reason" in row:
            lines.append(f"| {name} | {row['reason']} | | | | |")
            continue
        value, low, high = row["mrr"]
        speed = row["examples_per_second"]
        ratio = f"{speed / base:.2f}" if base else "-"
        lines.append(
            f"| {name} | {speed:.1f} | {ratio} | {row['cpu_seconds']:.0f} | {row['peak_mb']:.0f} | "
            f"{value:.3f} [{low:.3f}, {high:.3f}] |"
        )
    return "\n".join(lines)


def encoding_table(rows: dict[str, dict[str, Any]], closeness: dict[str, float]) -> str:
    """Speed, and how far the vectors are from float32."""
    lines = ["| | texts/s | ratio | mean cosine to float32 |", "|---|---|---|---|"]
    base = rows["encoding: sentence-transformers"].get("texts_per_second")
    for name, row in of(rows, "encoding"):
        if "reason" in row:
            lines.append(f"| {name} | {row['reason']} | | |")
            continue
        near = closeness.get(f"encoding-{name.replace(' ', '-')}")
        ratio = f"{row['texts_per_second'] / base:.2f}" if base else "-"
        cosine = "-" if near is None else f"{near:.6f}"
        lines.append(f"| {name} | {row['texts_per_second']:.1f} | {ratio} | {cosine} |")
    return "\n".join(lines)


def cached_table(rows: dict[str, dict[str, Any]]) -> str:
    """Time, memory and the loss."""
    lines = ["| | s | ratio | growth MB | loss |", "|---|---|---|---|---|"]
    base = rows["cached: sentence-transformers"].get("seconds")
    for name, row in of(rows, "cached"):
        if "reason" in row:
            lines.append(f"| {name} | {row['reason']} | | | |")
            continue
        ratio = f"{row['seconds'] / base:.2f}" if base else "-"
        lines.append(
            f"| {name} | {row['seconds']:.1f} | {ratio} | {row['growth_mb']:.0f} | "
            f"{row['loss']:.6f} |"
        )
    return "\n".join(lines)


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
