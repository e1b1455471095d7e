"""`dipole objectives` and `dipole objectives show`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.wording import Command, Listing, check_nothing_given
from dipole.errors import InputError
from dipole.showing import print_json, say, terminal

if TYPE_CHECKING:
    from dipole.objectives.contract.base import Objective

app = typer.Typer(cls=Listing)


@app.callback(invoke_without_command=True)
def objectives(
    context: typer.Context,
    search: Annotated[
        str | None, typer.Option(help="Show only those with this text in name, form or paper.")
    ] = None,
    takes: Annotated[
        str | None, typer.Option(help="Show only those with this input: labels, scores, ...")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON list and nothing else.")
    ] = False,
) -> None:
    """List the objectives (losses): inputs, form and paper of each.

    Inputs in brackets may be left out. For which one fits your data: dipole advise.

    Example: dipole objectives --takes labels
    """
    if context.invoked_subcommand is not None:
        check_nothing_given(context)
        return
    from dipole.objectives.contract.registry import OBJECTIVES, objective_class

    found = [_about(objective_class(name)) for name in OBJECTIVES]
    known = sorted({name for one in found for name in (*one["needs"], *one["may_take"])})
    if takes is not None and takes not in known:
        raise InputError(f"--takes {takes}: expected {', '.join(known)}")
    found = [one for one in found if takes in (None, *one["needs"], *one["may_take"])]
    found = [one for one in found if search is None or _has(one, search)]
    if as_json:
        print_json(found, indent=1)
    else:
        _print(found)


@app.command(cls=Command)
def show(
    objective: Annotated[
        str, typer.Argument(help="Name of an objective, or your own: file.py:Class.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Show an objective: its equation, inputs, settings and paper.

    Example: dipole objectives show supcon
    """
    from dipole.objectives.contract.registry import objective_class

    cls = objective_class(objective)
    about = _about(cls) | {"description": inspect.cleandoc(cls.__doc__ or "")}
    if as_json:
        print_json(about, indent=1)
        return
    say(f"{about['name']}: {about['paper']}")
    say("")
    for line in about["description"].splitlines():
        say(line)
    say("")
    rows = {
        "needs": ", ".join(about["needs"]),
        "may take": ", ".join(about["may_take"]),
        "settings": ", ".join(f"{name}={value}" for name, value in about["settings"].items()),
        "related": ", ".join(about["related"]),
        "run": f"dipole train --data FILE --objective {objective} --out RUN",
    }
    for name, text in rows.items():
        if text:
            say(f"{name:<9} {text}")


def _about(cls: type[Objective]) -> dict[str, Any]:
    from dipole.objectives.contract.base import forward_inputs
    from dipole.objectives.contract.registry import options

    inputs = forward_inputs(cls.forward)
    return {
        "name": getattr(cls, "name", cls.__name__),
        "form": getattr(cls, "form", ""),
        "needs": [name for name, must in inputs.items() if must],
        "may_take": [name for name, must in inputs.items() if not must],
        "settings": {name: str(value) for name, value in options(cls).items()},
        "paper": getattr(cls, "paper", ""),
        "related": list(getattr(cls, "related", ())),
    }


def _has(one: dict[str, Any], text: str) -> bool:
    return any(text.lower() in one[field].lower() for field in ("name", "form", "paper"))


def _print(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("objective", "inputs", "form", "paper"):
        table.add_column(column, no_wrap=column == "objective")
    for one in found:
        inputs = [*one["needs"], *(f"[{name}]" for name in one["may_take"])]
        table.add_row(one["name"], ", ".join(inputs), one["form"], one["paper"].partition(",")[0])
    console = terminal()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    console.print(f"{len(found)} objectives; dipole objectives show NAME has the equation")
