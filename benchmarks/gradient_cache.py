"""Batches of growing size in the memory of a small one, beside sentence-transformers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.rows import BASE, Row, cosine, measured, table

BATCHES, CHUNK, LENGTH = (64, 256), 16, 64
QUICK = {"batches": (16, 32), "chunk": 8, "length": 32}
# glibc's: larger blocks go back to the system as soon as they are free.
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": str(2**18)}
KINDS = (BASE, "dipole, fp32", "dipole", "dipole, fp32, whole batch")

PAGE = """# The gradient cache beside sentence-transformers

Written by `{command}`; every number comes from that one run.

| | |
|---|---|
{facts}

all-MiniLM-L6-v2, pairs of docstrings and code of at most {length} tokens, in-batch softmax at
temperature 0.05, encoded {chunk} pairs at a time; forward and backward once, in a process of its
own, without dropout, so that losses and gradients can be compared. *dipole* takes the arithmetic it
takes by default (bf16 where the processor computes it faster), *fp32* that of
sentence-transformers; *whole batch* is no gradient cache at all.

Growth is the peak of the resident size over what the process held before, some 90 MB of it the
gradients of the weights. It is measured in a second process whose allocator gives freed memory back
at once (`MALLOC_MMAP_THRESHOLD_`): what it would keep else, up to some 100 MB, has nothing to do
with what is needed. The cosine is that of all gradients with those of sentence-transformers.

{table}

![growth of memory](gradient-cache-memory.png)
"""


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure every row, then write page, picture and numbers."""
    batches = QUICK["batches"] if quick else BATCHES
    given: dict[str, Any] = {"threads": threads, "chunk": CHUNK, "cached_length": LENGTH}
    if quick:
        given |= {"chunk": QUICK["chunk"], "cached_length": QUICK["length"]}
    rows: list[tuple[str, Row]] = []
    for batch in batches:  # type: ignore[attr-defined]
        with tempfile.TemporaryDirectory() as scratch:
            files = {kind: Path(scratch) / f"{kind}.npy" for kind in KINDS}
            for kind, file in files.items():
                asked = f"cached: {kind}", given | {"cached_batch": batch}, file
                row = measured(*asked)
                if "growth_mb" in row:
                    row["growth_mb"] = measured(*asked, AT_ONCE)["growth_mb"]
                row |= {"batch": batch, "kind": kind, "cosine": cosine(file, files[BASE])}
                rows.append((f"{batch}: {kind}", row))
    facts = machine.facts(threads)
    folder.mkdir(parents=True, exist_ok=True)
    picture([row for _, row in rows if "reason" not in row], folder / "gradient-cache-memory.png")
    page = PAGE.format(
        command=command,
        facts="\n".join(f"| {key} | {value} |" for key, value in facts.items()),
        chunk=given["chunk"],
        length=given["cached_length"],
        table=table(rows, "seconds", {
            "growth MB": lambda row: f"{row['growth_mb']:.0f}",
            "loss": lambda row: f"{row['loss']:.6f}",
            "cosine": lambda row: f"{row['cosine']:.9f}",
        }),
    )  # fmt: skip
    (folder / "gradient-cache.md").write_text(page)
    numbers = {"facts": facts, "settings": given, "rows": rows}
    (folder / "gradient-cache.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'gradient-cache.md'}")


def picture(rows: list[Row], path: Path) -> None:
    """Growth of memory over the size of the batch, a line for each kind."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 3.5), layout="constrained")
    looks = zip(KINDS, ("#999999", "#0072B2", "#56B4E9", "#D55E00"), "soD^", strict=True)
    for kind, colour, marker in looks:
        points = [(row["batch"], row["growth_mb"]) for row in rows if row["kind"] == kind]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker=marker, label=kind)
    axis.set_xscale("log", base=2)
    axis.set_xticks(sorted({row["batch"] for row in rows}))
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("pairs in the batch")
    axis.set_ylabel("growth of memory (MB)")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
