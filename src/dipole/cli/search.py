"""`dipole search`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode
from dipole.errors import InputError
from dipole.showing import plain, print_json, terminal

if TYPE_CHECKING:
    from rich.table import Table

    from dipole.retrieval import Hit

# Lines of a document's text that are shown.
_LINES = 3


def search(
    index: Annotated[Path, typer.Argument(help="Folder of an index made by dipole index.")],
    query: Annotated[str, typer.Argument(help="What to look for, in your own words.")],
    k: Annotated[int, typer.Option("-k", help="Number of documents to show.")] = 10,
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="Combine semantic search with keyword search (BM25).")
    ] = False,
    weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of semantic search in --hybrid, 0 to 1.",
            show_default="what dipole hybrid chose, else 0.75",
        ),
    ] = None,
    rescore: Annotated[
        int,
        typer.Option(help="Index of int8 or ubinary vectors: re-rank the best N x k candidates."),
    ] = 4,
    where: Annotated[
        str | None,
        typer.Option(
            help="Search only documents whose metadata fit: 'lang = \"de\" and year >= 2020'."
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Re-rank the top 100 with this cross-encoder or ColBERT: a run, model, hub id or "
            "file.py:function."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Search an index.

    Example: dipole search docs.index "how to tie a knot" -k 3
    """
    from dipole.retrieval import Index

    if weight is not None and not hybrid:
        raise InputError(f"--weight {weight:g} is for --hybrid; expected both or none")
    options: dict[str, Any] = {} if weight is None else {"weight": weight}
    if where is not None:
        options["where"] = where
    if rerank is not None:
        options["rerank"] = _judge(rerank)
    hits = Index.open(index).search(query, k, hybrid=hybrid, rescore=rescore, **options)
    if as_json:
        found = [asdict(hit) for hit in hits]
        asked: dict[str, Any] = {"index": str(index), "query": query, "hybrid": hybrid}
        asked |= {"where": where} if where is not None else {}
        print_json(asked | ({"rerank": rerank} if rerank else {}) | {"hits": found})
        return
    none = "the index holds no documents" if where is None else "no document fits --where"
    terminal().print(table_of(hits) if hits else none)


def _judge(name: str) -> Any:
    """What scores a query and a document, by its name."""
    from dipole.training.parts.scoring import load_judge

    judge = load_judge(name)
    if not hasattr(judge, "score"):
        raise InputError(
            f"--rerank {name}: encodes single texts; expected a cross-encoder (dipole train "
            "--encoder cross) or ColBERT (--encoder colbert:FOLDER), a run with a head for pairs, "
            "or file.py:function"
        )
    return judge


def table_of(hits: list[Hit]) -> Table:
    """Hits as a table: rank, score, then id, file and line where known, and the first lines."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right", min_width=4)
    table.add_column("score", justify="right", min_width=6)
    table.add_column("document")
    for hit in hits:
        title = Text(plain(hit.id), style="bold", overflow="fold")
        if hit.metadata.get("file"):
            place = ":".join(str(hit.metadata[n]) for n in ("file", "line") if n in hit.metadata)
            title.append(f"  {plain(place)}", style="not bold cyan")
        lines = [line for line in hit.text.expandtabs(4).splitlines() if line.strip()]
        body = Text("\n".join(f"  {plain(line)}" for line in lines[:_LINES]))
        if len(lines) > _LINES:
            body.append(" ...", style="dim")
        body.no_wrap, body.overflow = True, "ellipsis"
        table.add_row(str(hit.rank), f"{hit.score:.3f}", Group(title, body))
    return table
