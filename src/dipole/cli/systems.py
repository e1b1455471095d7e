"""`dipole systems` and `dipole systems show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.outputs import check_file
from dipole.cli.prove import COLOURS
from dipole.cli.wording import Command, Listing, check_nothing_given
from dipole.errors import InputError
from dipole.showing import print_json, say, terminal

if TYPE_CHECKING:
    from dipole.systems.catalogue import State

_COLOURS = {"missing": "dim", "built": "cyan"} | COLOURS
STALE = "stale"


app = typer.Typer(cls=Listing)


@app.callback(invoke_without_command=True)
def systems(
    context: typer.Context,
    group: Annotated[
        str | None, typer.Option(help="Show only this group: text, vision, ...")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Show only this state: missing, built, holds, ..., or stale.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Show only those with this text in id, title or paper.")
    ] = None,
    pages: Annotated[
        Path | None,
        typer.Option(
            help="Folder with your own verdicts, from dipole prove.", show_default="systems"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the table to this file, as Markdown.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON list and nothing else.")
    ] = False,
) -> None:
    """List published systems and the state of each.

    missing: not implemented; built: implemented, claim not tested; holds, no difference,
    reversed, does not hold, undecided: its claim was tested; stale: its code
    has changed since. Verdicts of your own are shown beside these.

    Example: dipole systems --group vision --state holds
    """
    if context.invoked_subcommand is not None:
        check_nothing_given(context)
        return
    from dipole.systems.catalogue import states
    from dipole.systems.results import OWN

    if pages is not None and not pages.is_dir():
        raise InputError(f"--pages {pages}: no such folder; expected that of dipole prove")
    found = states(pages or OWN)
    for name, asked, known in (
        ("--group", group, {s.group for s in found}),
        ("--state", state, {*_COLOURS, STALE}),
    ):
        if asked is not None and asked not in known:
            raise InputError(f"{name} {asked}: expected {', '.join(sorted(known))}")
    if out is not None:
        from dipole.proof.page import write_table

        check_file("--out", out)
        write_table(out, found)
    found = [s for s in found if group in (None, s.group) and _is(s, state)]
    if search is not None:
        found = [s for s in found if search.lower() in f"{s.id} {s.title} {s.paper}".lower()]
    if as_json:
        print_json([s.to_json() for s in found], indent=1)
    else:
        _print(found)


@app.command(cls=Command)
def show(
    system: Annotated[str, typer.Argument(help="Id of a system, as listed by dipole systems.")],
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print its recipe as yaml, for dipole train --recipe.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Show a system: what it is, how to run it, what it was checked against, its verdict.

    Example: dipole systems show esimcse
    """
    from dipole.systems.about import about, recipe_of

    if as_yaml and as_json:
        raise InputError("--yaml: found --json too; expected one of them")
    if as_yaml:
        for line in recipe_of(system).yaml().splitlines():
            say(line)
    elif as_json:
        print_json(about(system), indent=1)
    else:
        for line in _lines(about(system)):
            say(line)


def _lines(found: dict[str, Any]) -> list[str]:
    from dipole.training.recipe import Recipe

    rows: dict[str, list[str]] = {
        "run": found["run"],
        "data": [f"{w['kind']}: {w['holds']} ({w['option']})" for w in found["wants"]],
        "settings": Recipe(**found["settings"]).yaml().splitlines(),
        "objective": found["objectives"],
        "parity": found["parity"]
        and [
            f"values and gradients beside those of other code, to {found['tolerance']}:",
            *found["parity"],
        ],
        "claim": [found["claim"]] if found["claim"] else [],
        "verdict": _verdict(found["result"], found["id"]),
        "here": _verdict(found["here"], found["id"]),
        "page": [found["page"]] if found["page"] else [],
    }
    head = dict.fromkeys([found["title"], found["paper"], found["address"]])
    lines = [f"{found['id']}: " + "\n".join(filter(None, head)), "", found["what"], ""]
    lines = "\n".join(lines).split("\n")
    for label, texts in rows.items():
        lines += [f"{label if i == 0 else '':<9} {text}" for i, text in enumerate(texts)]
    return lines


def _verdict(result: dict[str, Any] | None, id: str) -> list[str]:
    from dipole.systems.results import verdict_text

    if result is None:
        return []
    anew = f"; its code has changed since: dipole prove {id}" if result["stale"] else ""
    return [f"{verdict_text(result)} ({result['date']}, dipole {result['version']}){anew}"]


def _is(system: State, state: str | None) -> bool:
    if state == STALE:
        return any(result and result["stale"] for result in (system.result, system.here))
    return state in (None, system.state)


def _print(found: list[State]) -> None:
    from rich.table import Table
    from rich.text import Text

    from dipole.systems.results import verdict_text

    columns = ["system", "group", "state", "arXiv", "parts"]
    if any(s.here for s in found):
        columns.insert(3, "here")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column != "parts")
    for s in found:
        cells: list[str | Text] = [
            s.id, s.group.replace("_", " "), Text(s.shown, style=_COLOURS[s.state]),
            s.paper.rpartition("/")[2], ", ".join(s.parts),
        ]  # fmt: skip
        if "here" in columns:
            cells.insert(3, verdict_text(s.here))
        table.add_row(*cells)
    console = terminal()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    counts = {name: sum(s.state == name for s in found) for name in _COLOURS}
    counts[STALE] = sum(_is(s, STALE) for s in found)
    console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count))
