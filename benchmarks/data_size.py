"""How many rows pay off: MRR@10 on unseen code by the number of training pairs, beside BM25.

`python -m benchmarks data-size`. The data are docstrings and code of Python's own library
(`stdlib-code`); every seed has another split into modules, other training rows and other weights.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dipole
from benchmarks import machine
from dipole.data import Examples, RetrievalData, load_pairs, load_retrieval
from dipole.encoders.base import Encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.evaluation.statistics.intervals import Interval, bootstrap_interval
from dipole.evaluation.tasks.retrieval import evaluate_bm25, evaluate_retrieval
from dipole.training.advice.pretrained import installed

STATIC, PRETRAINED, BM25 = "static, from scratch", "MiniLM, fine-tuned", "BM25"
METRIC, DATA = "MRR@10", "stdlib-code"
FULL: dict[str, Any] = {
    "seeds": 3, "static": [200, 400, 1000, 2000, 4900], "pretrained": [0, 200, 400, 1000],
    "questions": None, "length": 128, "steps": None,
}  # fmt: skip
QUICK = FULL | {
    "seeds": 1, "static": [100, 200], "pretrained": [0, 100], "questions": 40, "length": 32,
    "steps": 2,
}  # fmt: skip

PAGE = """# How many rows pay off

Written by `{command}`; every number comes from that one run.

| | |
|---|---|
{facts}

Docstrings and code of Python's own library (`stdlib-code`): which code does a docstring describe?
{metric} on the modules that a split keeps for its test. Every seed has another split, other
training rows and other weights; training uses the defaults of `dipole train` with the encoder
named. MiniLM is all-MiniLM-L6-v2, cut to {length} tokens; 0 pairs is the model as it is.

The difference to BM25 has a 95 % bootstrap interval over the questions of all {seeds} splits; where
it excludes 0, the row is better or worse than BM25 on questions like these. The range is over the
seeds. Seconds are those of training, and depend on what else the machine does.

{table}

![{metric} by the number of training pairs](data-size.png)

{findings}

Docstrings and code share words, so BM25 is strong here. Where questions and answers use other
words, the lines may cross earlier. Measure it on your own rows:
`dipole evaluate RUN --data UNSEEN --baseline bm25`.
"""


class Cell(NamedTuple):
    """A system at a size and a seed: each question's reciprocal rank minus BM25's."""

    system: str
    pairs: int
    seed: int
    mrr: float
    bm25: float
    minus: list[float]
    questions: list[str]
    seconds: float


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure every cell, then write page, picture and numbers."""
    import torch

    torch.set_num_threads(threads)
    given = QUICK if quick else FULL
    cells: list[Cell] = []
    for seed in range(given["seeds"]):
        data = _head(load_retrieval(DATA, split="test", seed=seed), given["questions"])
        pairs = load_pairs(DATA, split="train+validation", seed=seed)
        order = np.random.default_rng(seed).permutation(len(pairs))
        bm25 = evaluate_bm25(data, system=BM25)
        for system, sizes in ((STATIC, given["static"]), (PRETRAINED, given["pretrained"])):
            for size in sizes:
                started = time.perf_counter()
                encoder = _encoder(system, pairs.select(order[:size]), seed, given)
                if encoder is None:
                    continue
                seconds = time.perf_counter() - started
                found = evaluate_retrieval(encoder, data, system=system)
                first, second = found.per_item[METRIC], bm25.per_item[METRIC]
                cells.append(Cell(
                    system, size, seed, found.value(METRIC), bm25.value(METRIC),
                    (np.asarray(first) - np.asarray(second)).tolist(), list(found.ids), seconds,
                ))  # fmt: skip
                print(system, size, seed, f"{cells[-1].mrr:.3f}, BM25 {cells[-1].bm25:.3f}, "
                      f"{seconds:.0f} s", flush=True)  # fmt: skip
    facts = machine.facts(threads)
    folder.mkdir(parents=True, exist_ok=True)
    picture(cells, folder / "data-size.png")
    page = PAGE.format(
        command=command, metric=METRIC, table=table(cells), findings=findings(cells),
        facts="\n".join(f"| {key} | {value} |" for key, value in facts.items()), **given,
    )  # fmt: skip
    (folder / "data-size.md").write_text(page)
    kept = [cell._asdict() | {"minus": None, "questions": len(cell.questions)} for cell in cells]
    numbers = {"facts": facts, "settings": given, "cells": kept}
    (folder / "data-size.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'data-size.md'}")


def _encoder(system: str, pairs: Examples, seed: int, given: dict[str, Any]) -> Encoder | None:
    """A trained encoder; the model as it is for no pairs, None where it is not installed."""
    name, options = "static", {}
    if system == PRETRAINED:
        if (model := installed()) is None:
            print(f"{system}: no model is installed", flush=True)
            return None
        if not len(pairs):
            return TransformerText.load(model.folder, max_length=given["length"])
        name, options = model.folder, {"max_length": given["length"]}
    with tempfile.TemporaryDirectory() as folder:
        return dipole.fit(
            pairs, name, out=Path(folder) / "run", encoder_options=options, seed=seed,
            max_steps=given["steps"], show_progress=False,
        ).encoder  # fmt: skip


def _head(data: RetrievalData, questions: int | None) -> RetrievalData:
    """The first questions alone, of a quick run."""
    from dataclasses import replace

    if questions is None:
        return data
    queries = dict(list(data.queries.items())[:questions])
    return replace(data, queries=queries, qrels={q: data.qrels[q] for q in queries})


def grouped(cells: list[Cell]) -> dict[tuple[str, int], list[Cell]]:
    """(system, pairs) -> its cells, one a seed."""
    found: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.system, cell.pairs), []).append(cell)
    return found


def difference(cells: list[Cell]) -> Interval:
    """The mean difference to BM25 over the questions of all seeds, with its interval; a question
    that is in the tests of several seeds is drawn as one."""
    minus = np.concatenate([cell.minus for cell in cells])
    names = [name for cell in cells for name in cell.questions]
    return bootstrap_interval(minus, clusters=names)


def table(cells: list[Cell]) -> str:
    """Every system and size: mean and range over seeds, difference to BM25, seconds."""
    lines = [
        f"| | pairs | {METRIC} | range | minus BM25 | seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    bm25 = sorted({(cell.seed, cell.bm25) for cell in cells})
    values = [value for _, value in bm25]
    lines.append(
        f"| {BM25} | | {np.mean(values):.3f} | {min(values):.3f} to {max(values):.3f} | | |"
    )
    for (system, pairs), each in grouped(cells).items():
        found = [cell.mrr for cell in each]
        d = difference(each)
        lines.append(
            f"| {system} | {pairs:,} | {np.mean(found):.3f} | {min(found):.3f} to {max(found):.3f} "
            f"| {d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}] "
            f"| {np.mean([cell.seconds for cell in each]):.0f} |"
        )
    return "\n".join(lines)


def findings(cells: list[Cell]) -> str:
    """For each system the fewest pairs from which on it is better than BM25, in words."""
    lines = []
    for system in (STATIC, PRETRAINED):
        rows = [(pairs, difference(each)) for (s, pairs), each in grouped(cells).items()
                if s == system]  # fmt: skip
        if not rows:
            continue
        better = [pairs for pairs, d in rows if d.low > 0]
        worse = [pairs for pairs, d in rows if d.high < 0]
        said = f"- **{system}**: "
        said += f"better than BM25 from {better[0]:,} pairs" if better else "never better than BM25"
        said += f"; worse with {', '.join(f'{n:,}' for n in worse)}." if worse else "."
        lines.append(said)
    return "\n".join(lines)


def picture(cells: list[Cell], path: Path) -> None:
    """The difference to BM25 by the number of pairs, with intervals; BM25 is the line at 0."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    axis.axhline(0, color="#999999", linewidth=1)
    axis.annotate("BM25", (0.99, 0), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                  color="#666666")  # fmt: skip
    for system, colour, nudge in ((STATIC, "#0072B2", 1.0), (PRETRAINED, "#D55E00", 1.03)):
        rows = [(pairs, difference(each)) for (s, pairs), each in grouped(cells).items()
                if s == system]  # fmt: skip
        if not rows:
            continue
        # Nothing trained stands at the left edge of a logarithmic axis.
        x = [max(pairs, 70) * nudge for pairs, _ in rows]
        y = [d.value for _, d in rows]
        spread = [[d.value - d.low for _, d in rows], [d.high - d.value for _, d in rows]]
        axis.errorbar(x, y, yerr=spread, marker="o", capsize=3, color=colour, label=system)
    axis.set_xscale("log")
    sizes = sorted({cell.pairs for cell in cells})
    axis.set_xticks([max(size, 70) for size in sizes], [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set_xlabel("training pairs")
    axis.set_ylabel(f"{METRIC} minus BM25")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
