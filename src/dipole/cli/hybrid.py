"""`dipole hybrid`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode
from dipole.errors import InputError
from dipole.showing import print_json, say, terminal

if TYPE_CHECKING:
    from rich.table import Table

    from dipole.retrieval.weighing import Weighed


def hybrid(
    index: Annotated[Path, typer.Argument(help="Folder of an index made by dipole index.")],
    queries: Annotated[
        str,
        typer.Option(
            help="Queries and the documents that answer them: a file (jsonl, csv, tsv, parquet) "
            "with a row for each pair."
        ),
    ],
    query: Annotated[str, typer.Option(help="Column with the queries.")] = "query",
    id: Annotated[str, typer.Option("--id", help="Column with the ids of documents.")] = "id",
    measure: Annotated[
        str, typer.Option(help="What the weight is chosen by: nDCG@10 or MRR@10.")
    ] = "nDCG@10",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the two halves of the queries.")] = 0,
    keep: Annotated[
        bool,
        typer.Option("--keep/--no-keep", help="Let hybrid searches of this index use the weight."),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Tune the balance of semantic and keyword search in an index.

    Half of the queries choose the weight, the other half measure how well it works.

    Example: dipole hybrid docs.index --queries asked.csv --query question --id doc_id
    """
    from dipole.retrieval import Index, weigh
    from dipole.retrieval.index import WEIGHT

    opened = Index.open(index)
    found = weigh(opened, read_queries(queries, query, id), measure=measure, seed=seed)
    if keep:
        opened.keep_weight(found.weight)
    if as_json:
        print_json(as_object(index, found, keep))
        return
    terminal().print(table_of(found))
    kept = f"kept in {index}" if keep else f"use it with: dipole search {index} QUERY --hybrid"
    best = "" if found.weight != WEIGHT else " (none was better than the usual one)"
    say(f"weight {found.weight:g}, chosen by {found.chosen_on} queries{best}; {kept}"
        + ("" if keep else f" --weight {found.weight:g}"))  # fmt: skip


def read_queries(source: str, query: str, document: str) -> dict[str, list[str]]:
    """Query -> ids of the documents that answer it, from a file with a row for each pair."""
    from dipole.data import load_pairs

    try:
        rows = load_pairs(source, split="all", anchor=query, positive=document)
    except InputError as error:
        said = str(error).replace("--anchor", "--query").replace("--positive", "--id")
        raise InputError(said) from error
    found: dict[str, list[str]] = {}
    for text, i in zip(rows.column("anchor"), rows.column("positive"), strict=True):
        found.setdefault(str(text), []).append(str(i))
    return found


def table_of(found: Weighed) -> Table:
    """A line for each kind of search, and how the tuned one compares with it."""
    from rich.table import Table

    from dipole.evaluation.result import compare

    tuned = found.results["hybrid, tuned"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("search", *tuned.metrics, "tuned minus this"):
        table.add_column(column)
    for name, result in found.results.items():
        cells = [
            f"{i.value:.3f} " + ("[n/a]" if i.low != i.low else f"[{i.low:.3f}, {i.high:.3f}]")
            for i in result.intervals.values()
        ]
        beside = ""
        if result is not tuned:
            test = compare(tuned, result)[tuned.metrics[0]]
            gap = test.difference
            beside = f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
            beside = beside if gap.low == gap.low else "the same"
        table.add_row(name, *cells, beside)
    return table


def as_object(index: Path, found: Weighed, kept: bool) -> dict[str, Any]:
    """What --json prints."""
    results = {
        name: {metric: result.value(metric) for metric in result.metrics}
        for name, result in found.results.items()
    }
    return {
        "index": str(index), "weight": found.weight, "chosen_on": found.chosen_on, "kept": kept,
        "results": results,
    }  # fmt: skip
