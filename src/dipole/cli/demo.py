"""`dipole demo`: the main job from end to end on real data that every Python has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dipole.cli.outputs import check_place
from dipole.errors import InputError
from dipole.showing import terminal

if TYPE_CHECKING:
    from rich.table import Table

    from dipole.data import RetrievalData
    from dipole.evaluation.result import Result
    from dipole.retrieval.index import Index

DATA = "stdlib-code"
QUESTIONS = (
    "wait until all threads have reached this point",
    "merge sorted inputs into one",
    "guess the type of a file from its name",
)
METRICS = ("MRR@10", "Recall@10")


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for the run and the index; a finished run is reused.")
    ] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed for the split and the training.")] = 0,
) -> None:
    """Train, evaluate and search on the standard library of this Python, in two minutes.

    Learns to find code by its docstring on most modules of the library, and is evaluated on the
    others.
    """
    from rich.text import Text

    from dipole.training.fit import fit

    check_place("--out", out)
    console = terminal()
    started = time.monotonic()
    console.print(
        "[bold]1. Train[/bold] a bag of words from scratch: which code answers a docstring?",
        markup=True,
    )
    run = fit(
        DATA,
        out=out / "run",
        resume=True,
        seed=seed,
        split="train+validation",
        split_seed=seed,
        temperature=0.07,
        # A name stands first in code, and says most.
        encoder_options={"decay": [0.5, 1.0]},
    )
    console.print(
        f"   {run.result['examples']:,} pairs, {run.result['step']} steps, "
        f"{run.result['seconds']:.0f} s of training"
    )
    console.print("[bold]2. Measure[/bold] on modules it has never seen", markup=True)
    console.print(_measure(run.folder, seed))
    console.print("[bold]3. Search[/bold] the whole library", markup=True)
    index = _index(out / "index", run.folder)
    for question in QUESTIONS:
        console.print(f"   {question}?")
        for hit in index.search(question, k=2, hybrid=True):
            where = f"{hit.metadata['path']}:{hit.metadata['line']}"
            name = Text(hit.metadata["name"], style="green")
            console.print("    ", name, "", where, soft_wrap=True)
    console.print(f"done in {time.monotonic() - started:.0f} s\n\n[bold]Next[/bold]", markup=True)
    for command in (
        f'dipole search {out / "index"} "merge two sorted lists" --hybrid',
        "dipole train --data YOUR.csv --anchor question --positive answer --out runs/mine",
        "dipole --help",
    ):
        console.print(f"   .venv/bin/{command}", soft_wrap=True)


def _measure(folder: Path, seed: int) -> Table:
    """BM25, the same encoder untrained, trained, and trained with BM25, on the unseen modules."""
    from dipole.data import load_retrieval
    from dipole.encoders import load_encoder
    from dipole.evaluation.tasks.retrieval import evaluate_bm25, evaluate_retrieval, evaluate_run
    from dipole.retrieval.fusion import weighted_fusion
    from dipole.retrieval.index import WEIGHT
    from dipole.training.build import build_encoder, load_examples
    from dipole.training.config import make_config
    from dipole.training.config_file import read_config
    from dipole.training.formats import translated

    data = load_retrieval(DATA, split="test", seed=seed)
    config = make_config(**translated(read_config(folder / "config.yaml")))
    untrained = build_encoder(config, load_examples(config, config.data, config.split))
    lexical = evaluate_bm25(data, system="BM25")
    trained = evaluate_retrieval(load_encoder(folder), data, system="trained")
    # As `Index.search` fuses: to share no word with the query is 0.
    fused = weighted_fusion([trained.run, lexical.run], [WEIGHT, 1 - WEIGHT], floors=[None, 0.0])
    results = [
        lexical,
        evaluate_retrieval(untrained, data, system="untrained"),
        trained,
        evaluate_run(fused, data.qrels, system="trained + BM25"),
    ]
    return _table(results, data)


def _table(results: list[Result], data: RetrievalData) -> Table:
    """Every number with its 95 % interval, and the paired p-value against the first system."""
    from rich.table import Table

    from dipole.evaluation.report import p_text
    from dipole.evaluation.result import compare

    table = Table(title=f"{len(data.queries)} questions, {len(data.corpus)} functions and classes")
    table.add_column("")
    for metric in METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    table.add_column(f"p ({results[0].system})", justify="right", no_wrap=True)
    for result in results:
        numbers = [
            f"{i.value:.3f} [{i.low:.3f}, {i.high:.3f}]" for i in map(result.__getitem__, METRICS)
        ]
        against = compare(result, results[0])[METRICS[0]].p_permutation
        test = "" if result is results[0] else p_text(against)
        table.add_row(result.system, *numbers, test)
    return table


def _index(folder: Path, run: Path) -> Index:
    from dipole.data import load_retrieval
    from dipole.encoders import load_encoder
    from dipole.retrieval.documents import Document
    from dipole.retrieval.index import Index

    encoder = load_encoder(run)
    if folder.exists():
        try:
            return Index.open(folder, encoder)
        except InputError as error:
            raise InputError(f"{error}; remove {folder} to index again") from None
    data = load_retrieval(DATA, split="all")
    documents = (Document(id, text, data.metadata[id]) for id, text in data.corpus.items())
    return Index.create(folder, encoder, documents)
