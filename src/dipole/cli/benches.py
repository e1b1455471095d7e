"""`dipole benches` and `dipole benches measure`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dipole.cli.outputs import check_place
from dipole.cli.study_table import watching
from dipole.cli.wording import Command, Group
from dipole.showing import print_json, terminal

if TYPE_CHECKING:
    from dipole.studies.bench import Bench, Numbers

app = typer.Typer(cls=Group)


@app.callback(invoke_without_command=True)
def benches(
    context: typer.Context,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON list and nothing else.")
    ] = False,
) -> None:
    """List the benches on which claims are tested, and how small a difference each can detect.

    Example: dipole benches
    """
    if context.invoked_subcommand is not None:
        return
    from dipole.studies.bench import NAMES, bench, numbers

    found = [(bench(name), numbers().get(name)) for name in NAMES]
    if as_json:
        print_json([_json(*one) for one in found], indent=1)
    else:
        _print(found)


@app.command(cls=Command)
def measure(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Benches to measure. Default: all.", show_default=False),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for the pages and numbers.", show_default="benches")
    ] = Path("benches"),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings to run at once.", show_default="2")
    ] = None,
) -> None:
    """Measure how small a difference benches can detect, and write a page for each.

    Example: dipole benches measure pairs
    """
    from dipole.files import write_text
    from dipole.proof.needs import check_needs
    from dipole.studies.bench import NAMES, bench, write_numbers
    from dipole.studies.measuring import bench_page, measure_bench

    check_place("--out", out)
    out.mkdir(parents=True, exist_ok=True)
    console = terminal()
    measured = []
    chosen = [bench(name) for name in names or NAMES]
    for where in chosen:  # before anything is trained
        check_needs(where.needs)
    for where in chosen:
        with watching(console) as watch:
            found = measure_bench(where, jobs=jobs, watch=watch)
        write_text(out / f"{where.id}.md", bench_page(where, found))
        write_numbers(out, where.id, found)
        measured.append((where, found))
    _print(measured)


def _json(where: Bench, found: Numbers | None) -> dict[str, object]:
    return {
        "id": where.id, "about": where.about, "metric": where.metric, "delta": where.delta,
        "folds": where.folds, "needs": list(where.needs),
        "numbers": None if found is None else asdict(found),
    }  # fmt: skip


def _print(found: list[tuple[Bench, Numbers]] | list[tuple[Bench, Numbers | None]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("bench", "metric", "trivial", "untrained", "trained", "ceiling", "seed sd", "delta")
    for column in (*columns, "CPU s"):
        table.add_column(column, justify="left" if column in ("bench", "metric") else "right")
    for where, numbers in found:
        values = ["not measured"] + [""] * 5
        if numbers is not None:
            means = (numbers.trivial, numbers.untrained, numbers.trained, numbers.ceiling)
            values = [
                *(f"{x:.1f}" for x in means),
                f"{numbers.seed_sd:.2f}",
                f"{numbers.seconds:.1f}",
            ]
        *values, seconds = values
        table.add_row(where.id, where.metric, *values, f"{where.delta:g}", seconds)
    console = terminal()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
