"""`dipole prove`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dipole.cli.options import Device
from dipole.cli.outputs import check_place
from dipole.cli.study_table import watching
from dipole.errors import DipoleError, InputError, RunError
from dipole.showing import print_json, terminal

# Verdicts in colours.
COLOURS = {
    "holds": "green", "no difference": "cyan", "reversed": "red", "does not hold": "red",
    "undecided": "yellow",
}  # fmt: skip

if TYPE_CHECKING:
    from rich.console import Console

    from dipole.proof.prove import Proof


def prove(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Systems whose claims to test.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Test all claims.")] = False,
    quick: Annotated[
        bool,
        typer.Option(help="Only check that it runs: two seeds, two steps, few rows, no verdict."),
    ] = False,
    budget: Annotated[
        Literal["bench", "full"],
        typer.Option(
            help="bench (as long as the bench says) or full (as long as the paper, on a GPU)."
        ),
    ] = "bench",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the pages and verdicts.", show_default="systems"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings to run at once.", show_default="2")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the runs, shared by all claims.", show_default="in the user's cache"
        ),
    ] = None,
    device: Device = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per claim and nothing else.")
    ] = False,
) -> None:
    """Test a system's claim by experiment: holds, reversed, no difference, or undecided.

    Trains the baseline and the method on the same data with the same budget,
    at 5 seeds, then 10, then 20, until the claim is decided. Writes a page with
    the numbers and a picture. If interrupted, run the same command again to
    continue. --all skips claims whose data are not available, and says so.

    Example: dipole prove dcl
    """
    from rich.text import Text

    from dipole.proof.needs import MissingError
    from dipole.proof.page import write_page
    from dipole.proof.prove import prove as run
    from dipole.systems import claimed, system
    from dipole.systems.results import OWN

    if every == bool(systems):
        raise InputError(
            f"expected the systems to prove, or --all; there are claims of {', '.join(claimed())}"
        )
    pages = out or OWN
    if not quick:
        check_place("--out", pages)
    if cache is not None:
        check_place("--cache", cache)
    chosen = [system(id) for id in (systems or claimed())]
    console = terminal(error=as_json)
    failed: list[str] = []
    skipped: list[str] = []
    for one in chosen:
        try:
            with watching(console) as watch:
                proof = run(
                    one, quick=quick, full=budget == "full", jobs=jobs, root=cache, watch=watch,
                    say=lambda line: console.print(line),
                )  # fmt: skip
        except MissingError as error:
            if not every:
                raise
            skipped.append(one.id)
            console.print(Text("skipped", "yellow"), f"{one.id}: {error}", soft_wrap=True)
            continue
        except DipoleError as error:
            if error.exit_code == 130 or len(chosen) == 1:
                raise
            failed.append(one.id)
            console.print(Text("failed", "red"), f"{one.id}: {error}", soft_wrap=True)
            continue
        page = None
        if not quick:
            extra = " --budget full" if budget == "full" else ""
            command = f"dipole prove {one.id}{extra}"
            page = write_page(proof, pages, command)
        if as_json:
            print_json(_json(proof, quick, page))
        else:
            _print(proof, quick, page, console)
    if skipped:
        console.print(f"{len(skipped)} of {len(chosen)} skipped: their verdicts stay")
    if failed:
        raise RunError(f"{len(failed)} of {len(chosen)} claims failed: {', '.join(failed)}")


def _print(proof: Proof, quick: bool, page: Path | None, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from dipole.proof.page import verdict_cells

    if quick:
        console.print(
            f"{proof.system.id}: runs ({proof.seconds:.0f} s); a quick run decides nothing"
        )
        return
    console.print(Text(f"{proof.system.id}: {proof.claim.sentence}", style="bold"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "margin", "interval", "p", ""):
        table.add_column(name, justify="right" if name in ("margin", "p") else "left")
    for verdict in (proof.primary, *proof.secondary):
        *cells, word = verdict_cells(verdict)
        main = verdict is proof.primary
        shown = Text(word, style=COLOURS[verdict.verdict] if main else "dim")
        table.add_row(*(Text(cell, style="" if main else "dim") for cell in cells), shown)
    console.print(table)
    console.print(
        Text(proof.verdict, style=f"bold {COLOURS[proof.verdict]}"),
        f" page: {page}",
        soft_wrap=True,
    )


def _json(proof: Proof, quick: bool, page: Path | None) -> dict[str, object]:
    return {
        "system": proof.system.id,
        "quick": quick,
        "verdict": None if quick else proof.verdict,
        "inequalities": [
            {key: value for key, value in asdict(verdict).items() if key != "inequality"}
            | {"says": verdict.inequality.says, "least": verdict.inequality.least}
            | {"primary": verdict is proof.primary}
            for verdict in (proof.primary, *proof.secondary)
        ],
        "page": str(page) if page else None,
    }
