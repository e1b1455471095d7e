"""`dipole data`."""

from __future__ import annotations

from typing import Annotated

import typer

from dipole.errors import InputError
from dipole.showing import print_json, terminal


def data(
    search: Annotated[
        str | None, typer.Option(help="Show only those with this text in name or description.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Show only this kind: pairs, scored, labeled, retrieval.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON list and nothing else.")
    ] = False,
) -> None:
    """List the data sets that have a name, and how to get each.

    Names work wherever a file does: dipole train --data stdlib-code --out runs/code. To look at
    your own file: dipole advise FILE.

    Example: dipole data --kind labeled
    """
    from dipole.data.named import NAMED

    kinds = sorted({named.kind for named in NAMED.values()})
    if kind is not None and kind not in kinds:
        raise InputError(f"--kind {kind}: expected {', '.join(kinds)}")
    found = [
        {"name": name, "kind": named.kind, "about": named.about, "get": named.get, "hub": named.hub}
        for name, named in NAMED.items()
        if kind in (None, named.kind)
        and (search is None or search.lower() in f"{name} {named.about}".lower())
    ]
    if as_json:
        print_json(found, indent=1)
    else:
        _print(found)


def _print(found: list[dict[str, str]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("data", "kind", "what", "where from"):
        table.add_column(column, no_wrap=column in ("data", "kind"))
    for one in found:
        hub = f"the hub ({one['hub']}), or " if one["hub"] else ""
        table.add_row(one["name"], one["kind"], one["about"], hub + one["get"])
    console = terminal()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
