"""Rows to the tables of a document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.cases import BOUND, CASES, DIPOLE, REFERENCE, Case
from benchmarks.session import Limits, Row
from dipole.kernels.plan import KEPT

HEAD = (
    "n", "implementation", "median ms", "min ms", "runs", "time / plain torch",
    "CPU / plain torch", "time / bare products", "peak growth MB", "peak / plain torch", "loss",
)  # fmt: skip

INTRODUCTION = """# Objectives: time and memory beside other libraries

Written by `{command}`; every number comes from that one run, save where
it says otherwise.

| | |
|---|---|
{facts}

How it is measured:

- A step is the normalisation of the vectors, the loss, and its gradients for all vectors, float32.
- Every row is a process of its own. It warms up on 136 rows; the first step at full size gives
  the growth of the peak resident memory and is not timed, unless it takes longer than
  8 s: then it is the only one ("runs" 1).
- All implementations of an objective at one size are alive together and take their steps by turns.
- Ratios are of medians; below 1 is faster, or smaller, than plain torch at the same n and d. A
  dash: the other side was not run. Growth of a few MB is the allocator's noise.
- "CPU" is the processor time of all threads together: beside other work on the machine its
  ratios stay what they are longer than those of the clock.
- "plain torch" builds the whole matrix and leaves the rest to autograd.
- "bare products" is the engine's lower bound: the matrix products it does, on its own tile
  size, and nothing else. A block of n rows against n columns takes 4 of them (scores for the
  statistics, scores again for the gradients, gradients of rows, gradients of columns): 8 n^2 d
  floating-point operations. How many an objective takes stands under its title. They are timed by
  `torch.mm` and by the engine's routine (oneDNN); the ratio is to the faster one, for bf16 tiles
  to products of bfloat16. Up to {kept:,} scores the engine keeps the tiles and computes the
  scores once, so that it may come below 1.
- "loss" is the value of that step: equal values show that the same thing is computed.
- A row is not run when the same implementation at a smaller n foretells more than
  {seconds:.0f} s a step or a multiple of {memory:.1f} GB, and stops where it grows by more than
  {memory:.1f} GB.
- sentence-transformers' cached loss: only the stage from given embeddings to their gradients, with
  512 rows at a time.
"""

PML_NOTE = """pytorch-metric-learning's NTXentLoss makes a matrix of (2n positive pairs) x
(2n (2n - 2) negative pairs): {n:,} pairs come to {bytes:.1f} GB in float32. The command,
run by hand under `ulimit -v 14680064`, ended with "you tried to allocate 34326183936 bytes":

```
python -c "import torch; from pytorch_metric_learning.losses import NTXentLoss; \\
NTXentLoss()(torch.randn({views}, 128), torch.arange({n}).repeat(2))"
```
"""


@dataclass(frozen=True)
class Run:
    """Everything a document says about one run."""

    command: str
    facts: dict[str, str]
    limits: Limits
    rows: list[Row]


def document(run: Run, pictures: Sequence[str]) -> str:
    """The whole page."""
    facts = "\n".join(f"| {key} | {value} |" for key, value in run.facts.items())
    parts = [
        INTRODUCTION.format(
            command=run.command,
            facts=facts,
            seconds=run.limits.seconds,
            memory=run.limits.memory / 1e9,
            kept=KEPT,
        )
    ]
    parts += [f"![{title}]({title}.png)\n" for title in pictures]
    parts += [standing(run.rows), slopes(run.rows)]
    for case in CASES:
        rows = [row for row in run.rows if row.objective == case.key]
        if rows:
            parts.append(section(case, rows))
    return "\n".join(parts)


def section(case: Case, rows: list[Row]) -> str:
    """An objective: a table per dimension."""
    parts = [
        f"## {case.title}\n",
        f"Here n counts {case.rows}. Bare products: {case.products} of n x n x d.\n",
    ]
    if case.key == "ntxent":
        n = 1024
        size = 2 * n * 2 * n * (2 * n - 2) * 4 / 1e9
        parts.append(PML_NOTE.format(n=n, views=2 * n, bytes=size))
    for d in sorted({row.d for row in rows}):
        here = [row for row in rows if row.d == d]
        by = {(row.n, row.implementation): row for row in here}
        parts.append(f"d = {d}\n")
        parts.append("| " + " | ".join(HEAD) + " |")
        parts.append("|---:|---|" + "---:|" * (len(HEAD) - 2))
        parts += [line(row, by.get((row.n, REFERENCE)), bound(case, row, here)) for row in here]
        parts.append("")
    return "\n".join(parts)


def bound(case: Case, row: Row, rows: list[Row]) -> float | None:
    """Seconds of the bare products that a row is to be measured by."""
    names = case.bounds(row.implementation)
    times = [r.median for r in rows if r.n == row.n and r.implementation in names and r.seconds]
    return min(times, default=None)


def standing(rows: list[Row]) -> str:
    """Where dipole stands: its time beside plain torch's and beside the fastest peer's."""
    parts = [
        "## In short\n",
        "Time of dipole divided by that of plain torch / of the fastest peer.\n",
    ]
    sizes = sorted({(row.d, row.n) for row in rows})
    parts.append("| objective | " + " | ".join(f"{n:,} x {d}" for d, n in sizes) + " |")
    parts.append("|---|" + "---:|" * len(sizes))
    for case in CASES:
        cells = []
        for d, n in sizes:
            here = {
                row.implementation: row.median
                for row in rows
                if (row.objective, row.n, row.d) == (case.key, n, d) and row.seconds
            }
            ours, reference = here.get(DIPOLE), here.get(REFERENCE)
            peers = [
                time
                for name, time in here.items()
                if name != REFERENCE and not name.startswith((DIPOLE, BOUND))
            ]
            cells.append(
                "-"
                if ours is None
                else f"{ratio(ours, reference)} / {ratio(ours, min(peers, default=None))}"
            )
        parts.append(f"| {case.title} | " + " | ".join(cells) + " |")
    return "\n".join([*parts, ""])


def slopes(rows: list[Row]) -> str:
    """How memory grows: the exponent of n between the two largest sizes, d = 128."""
    parts = [
        "Growth of the peak as a power of n, between the two largest sizes at d = 128",
        "(O(n d) is 1, a matrix is 2; growth under 16 MB is noise and left out):\n",
        "| objective | dipole | plain torch |",
        "|---|---:|---:|",
    ]
    for case in CASES:
        cells = []
        for name in (DIPOLE, REFERENCE):
            grown = sorted(
                (row.n, row.growth)
                for row in rows
                if (row.objective, row.implementation, row.d) == (case.key, name, 128)
                and row.growth is not None
                and row.growth > 2**24
            )
            if len(grown) < 2:
                cells.append("-")
                continue
            (n, a), (m, b) = grown[-2:]
            power = math.log(b / a) / math.log(m / n)
            cells.append(f"{power:.2f} ({n:,}: {a / 1e6:,.0f} MB, {m:,}: {b / 1e6:,.0f} MB)")
        parts.append(f"| {case.title} | " + " | ".join(cells) + " |")
    return "\n".join([*parts, ""])


def line(row: Row, reference: Row | None, least: float | None) -> str:
    """A row of the table."""
    start = [f"{row.n:,}", row.implementation]
    if row.reason is not None:
        return "| " + " | ".join([*start, *["-"] * (len(HEAD) - 3), row.reason]) + " |"
    cells = [
        *start,
        milliseconds(row.median),
        milliseconds(min(row.seconds)),
        str(len(row.seconds)),
        ratio(row.median, median(reference)),
        ratio(
            row.cpu_median, None if reference is None or not reference.cpu else reference.cpu_median
        ),
        ratio(row.median, least),
        f"{(row.growth or 0) / 1e6:,.0f}",
        ratio(row.growth, None if reference is None else reference.growth),
        "" if row.loss is None else f"{row.loss:.6g}",
    ]
    return "| " + " | ".join(cells) + " |"


def median(row: Row | None) -> float | None:
    """Of a row that was run."""
    return row.median if row is not None and row.seconds else None


def ratio(value: float | None, other: float | None) -> str:
    """Two digits, or a dash."""
    return "-" if value is None or not other else f"{value / other:.2f}"


def milliseconds(seconds: float) -> str:
    """As many digits as mean something."""
    value = seconds * 1e3
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
