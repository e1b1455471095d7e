"""Training and encoding beside sentence-transformers, on MiniLM."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.rows import BASE, Row, cosine, measured, table

FULL = {
    "steps": 32, "batch": 64, "length": 128, "queries": 300, "texts": 4000,
}  # fmt: skip
QUICK = FULL | {"steps": 6, "batch": 8, "length": 32, "queries": 20, "texts": 64}
TRAINING = (BASE, f"{BASE}, bf16", "dipole", "dipole, fp32")
ENCODING = (BASE, "dipole", "dipole, fp32")

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
"""


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure every row, then write page, picture and numbers."""
    given: dict[str, Any] = (QUICK if quick else FULL) | {"threads": threads}
    with tempfile.TemporaryDirectory() as scratch:
        files = {name: Path(scratch) / f"{name}.npy" for name in ENCODING}
        training = [
            (name, measured(f"training: {name}", given, Path(scratch) / "none"))
            for name in TRAINING
        ]
        encoding = [
            (name, measured(f"encoding: {name}", given, file)) for name, file in files.items()
        ]
        for name, row in encoding:
            row["cosine"] = cosine(files[name], files[BASE])
    facts = machine.facts(threads)
    folder.mkdir(parents=True, exist_ok=True)
    picture(training, folder / "training-speed.png")
    page = PAGE.format(
        command=command,
        facts="\n".join(f"| {key} | {value} |" for key, value in facts.items()),
        training=table(training, "examples_per_second", {
            "CPU s": lambda row: f"{row['cpu_seconds']:.0f}",
            "peak MB": lambda row: f"{row['peak_mb']:.0f}",
            "MRR@10": reciprocal_rank,
        }),
        encoding=table(encoding, "texts_per_second", {
            "mean cosine to float32": lambda row: f"{row['cosine']:.6f}",
        }),
        **given,
    )  # fmt: skip
    (folder / "training.md").write_text(page)
    numbers = {"facts": facts, "settings": given, "training": training, "encoding": encoding}
    (folder / "training.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'training.md'}")


def reciprocal_rank(row: Row) -> str:
    """MRR@10 with its interval."""
    value, low, high = row["mrr"]
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def picture(rows: list[tuple[str, Row]], path: Path) -> None:
    """Examples per second as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kept = [(name, row) for name, row in rows if "reason" not in row]
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
    pyplot.close(figure)
