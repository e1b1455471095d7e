"""`dipole mine`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from dipole.cli.options import Device, TrustCode, with_options
from dipole.cli.outputs import check_new_file
from dipole.cli.trained import check_bad_rows, choose_columns, load_named, say_skipped
from dipole.errors import InputError, optional
from dipole.sampling.filters import Filters
from dipole.showing import counted, say

SEARCHES = ("auto", "exact", "ivf", "hnsw")


@with_options(Filters)
def mine(
    source: Annotated[
        str, typer.Argument(metavar="RUN", help="Run, model folder, hub id or bm25.")
    ],
    data: Annotated[
        str,
        typer.Option(
            help="Pairs: a file (jsonl, csv, tsv, parquet), folder, data set name or hub id."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File for the triplets (jsonl); must be new.")],
    split: Annotated[str, typer.Option(help="Split of the data to mine for.")] = "train",
    anchor: Annotated[
        str | None,
        typer.Option(help="Column with the anchors.", show_default="that of RUN, if present"),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="Column with the positives.", show_default="that of the runs, if present"
        ),
    ] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="What to do with bad rows: error (stop) or skip (and count them).")
    ] = "error",
    corpus: Annotated[
        str | None,
        typer.Option(help="More texts to choose negatives from: a file, folder or data set name."),
    ] = None,
    guide: Annotated[
        str | None,
        typer.Option(
            help="Stronger model that scores the candidates instead of RUN: a run, model, "
            "cross-encoder or file.py:function. Candidates it scores above the positive are "
            "dropped."
        ),
    ] = None,
    search: Annotated[
        str, typer.Option(help="exact, ivf, hnsw, or auto (exact up to 20 billion scores).")
    ] = "auto",
    workers: Annotated[
        int,
        typer.Option(
            help="Number of Ray workers that encode (needs the extra ray); 0 encodes in "
            "this process.",
            min=0,
        ),
    ] = 0,
    address: Annotated[
        str | None,
        typer.Option(
            help="Ray cluster to use: auto, or ray://host:port. Default: start one on this machine."
        ),
    ] = None,
    device: Device = None,
    trust_code: TrustCode = False,
    **filters: Any,
) -> None:
    """Mine hard negatives for pairs: texts close to the anchor that are not its positive.

    Example: dipole mine runs/first --data pairs.csv --out triplets.jsonl --skip 5 --share 0.95
    """
    from dipole.data import load_pairs
    from dipole.encoders.base import fingerprint
    from dipole.progress import reporting
    from dipole.sampling.filters import make_filters
    from dipole.sampling.mining import Miner
    from dipole.sampling.mining_file import mine_to_file
    from dipole.training.parts.scoring import load_judge

    asked = make_filters(**filters)
    if guide == "bm25":
        raise InputError("--guide bm25: found words as a judge; expected a run or a model")
    if workers:
        if source == "bm25" and guide is None:
            raise InputError(f"--workers {workers}: bm25 encodes nothing; expected 0, or a --guide")
        optional("ray", "ray")
    elif address is not None:
        raise InputError(f"--address {address}: does nothing without --workers; expected both")
    if search not in SEARCHES:
        raise InputError(f"--search {search}: expected one of {', '.join(SEARCHES)}")
    if out.suffix != ".jsonl":
        raise InputError(f"--out {out}: expected a name that ends in .jsonl, as that is written")
    check_new_file("--out", out)
    bad_rows = check_bad_rows(on_bad_row)
    named = {"anchor": anchor, "positive": positive}
    columns, notes = choose_columns(
        ("anchor", "positive"), {f: c for f, c in named.items() if c is not None},
        [source, *([guide] if guide else [])], data, split,
    )  # fmt: skip
    first = _load(source)
    judge = None if guide is None else load_judge(guide)
    examples = load_pairs(data, split=split, on_bad_row=bad_rows, **columns)  # type: ignore[arg-type]
    say(f"{counted(len(examples), 'pair')} from {examples.origin}", error=True)
    say_skipped(examples.skipped)
    for model, note in notes.items():
        say(f"note: {model}: {note.replace('measured on', 'mining')}", error=True)
    texts: Any = ()
    if corpus is not None:
        from dipole.retrieval import read_corpus

        documents = read_corpus(corpus, on_bad_row=bad_rows)
        texts = documents.texts
        say(f"{len(texts):,} more texts from {documents.origin}", error=True)
        say_skipped(documents.skipped)

    def identity(model: Any) -> str | None:
        if model is None or isinstance(model, str):
            return model
        return getattr(model, "made_of", None) or fingerprint(model)  # of code, the file's digest

    settings = {
        "source": identity(first), "judge": identity(judge), "search": search, "split": split,
        "data": [examples.origin, len(examples)], "corpus": [corpus, len(texts)],
        "filters": asked.model_dump(),
    }  # fmt: skip
    with reporting() as said:
        counts = mine_to_file(
            lambda folder: Miner(
                examples, first, asked,
                judge=judge, corpus=texts, folder=folder, method=cast(Any, search),
                workers=workers, address=address, said=said,
            ),
            out,
            settings,
            said,
        )  # fmt: skip
    say(f"{counts.summary()}; written to {out}")
    if counts.negatives:
        say(f"train on them: dipole train --data {out} --out RUN")
    else:
        say("warning: there is nothing to train on; expected more --corpus, or wider limits "
            "(--skip, --depth, --margin, --share, --most, --least)", error=True)  # fmt: skip


def _load(model: str) -> Any:
    return model if model == "bm25" else load_named(model, ("bm25",))
