"""`dipole systems`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dipole.cli.outputs import check_file
from dipole.errors import InputError
from dipole.files import write_text
from dipole.showing import print_json, terminal

_COLOURS = {
    "missing": "dim", "built": "cyan", "holds": "green", "does not hold": "red",
    "undecided": "yellow",
}  # fmt: skip


def systems(
    group: Annotated[str | None, typer.Option(help="Only this group (text, vision, ...).")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only this state: missing, built, holds, ...")
    ] = None,
    pages: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pages that dipole prove wrote.",
            show_default="docs/systems, else systems",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the table as a markdown page to this file.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON list and nothing else.")
    ] = False,
) -> None:
    """List the systems dipole means to have, and how far each is.

    missing; built: its parts are there; holds, does not hold, undecided: its claim was run.

    Example: dipole systems --group vision --state holds
    """
    from dipole.systems.catalogue import states, table_page

    if pages is not None and not pages.is_dir():
        raise InputError(f"--pages {pages}: no such folder; expected that of dipole prove")
    found = states(pages)
    for name, asked, known in (
        ("--group", group, {s.group for s in found}),
        ("--state", state, set(_COLOURS)),
    ):
        if asked is not None and asked not in known:
            raise InputError(f"{name} {asked}: expected {', '.join(sorted(known))}")
    if out is not None:
        check_file("--out", out)
        write_text(out, table_page(found))
    found = [s for s in found if group in (None, s.group) and state in (None, s.state)]
    if as_json:
        print_json([s.to_json() for s in found], indent=1)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("system", "group", "state", "arXiv", "parts"):
        table.add_column(column, no_wrap=column != "parts")
    for s in found:
        table.add_row(
            s.id, s.group.replace("_", " "), Text(s.state, style=_COLOURS[s.state]),
            s.paper.rpartition("/")[2], ", ".join(s.parts),
        )  # fmt: skip
    console = terminal()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    counts = {name: sum(s.state == name for s in found) for name in _COLOURS}
    console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count))
