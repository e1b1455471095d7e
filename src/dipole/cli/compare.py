"""`dipole compare`."""

from __future__ import annotations

import shlex
import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, with_options, without
from dipole.cli.outputs import check_place
from dipole.cli.study_table import watching
from dipole.errors import InputError
from dipole.lookup import is_place
from dipole.showing import print_json, say, terminal
from dipole.training.config import Config

if TYPE_CHECKING:
    from rich.console import Console

    from dipole.studies.comparison.compare import Comparison

# Settings that compare decides itself, or that say nothing where runs are short and many.
_OWN = {
    "data", "objective", "seed", "epochs", "max_steps", "validation", "validate_every", "patience",
    "checkpoint_every", "log_every", "track",
}  # fmt: skip


@with_options(without(Config, _OWN))
def compare(
    data: Annotated[
        str,
        typer.Option(
            help="Data to train on, as in dipole train; its test split is used for the test."
        ),
    ] = "stdlib-code",
    objectives: Annotated[
        str | None,
        typer.Option(
            help="Names of objectives, separated by commas.", show_default="eight common ones"
        ),
    ] = None,
    recipes: Annotated[
        str | None,
        typer.Option(
            help="Compare recipes instead of objectives: names or yaml files, separated by commas."
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(help="How long to train each run: 60s, 2000steps or 10epochs.")
    ] = "5epochs",
    seeds: Annotated[
        str,
        typer.Option(
            help="Number of seeds for each arm. 5,10,20 starts with 5 and adds seeds only for "
            "arms that are tied with the best.",
        ),
    ] = "3",
    folds: Annotated[
        int | None,
        typer.Option(
            min=3,
            help="Cross-validate with this many folds, instead of --seeds and --test.",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="Split, file or fraction to test on.",
            show_default="the test split; 0.2 of a file",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")] = Path(
        "runs/compare"
    ),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings to run at once.", show_default="2")
    ] = None,
    device: Device = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    **settings: Any,
) -> None:
    """Train several objectives or recipes under the same conditions, and rank them.

    All get the same data, batches, seeds and budget. The ranking shows intervals and ties;
    report.html has the details. If interrupted, run the same command again to continue.

    Example: dipole compare --objectives infonce,dcl,siglip --budget 60s
    """

    from dipole.studies.budget import parse_budget
    from dipole.studies.comparison.compare import compare as run
    from dipole.studies.comparison.compare import write_results

    check_place("--out", out)
    looks = _looks(seeds)
    if folds and (test is not None or seeds != "3"):
        given = "--test" if test is not None else "--seeds"
        raise InputError(f"--folds and {given}: found both; every fold is a seed and a test")
    allowed = parse_budget(budget)
    arms = _arms(data, objectives, recipes, settings)
    console = terminal(error=as_json)
    with watching(console) as watch:
        comparison = run(
            arms, allowed, out, seeds=looks, folds=folds or 0, test=test, jobs=jobs, watch=watch,
            command=_command(), said=_say,
        )  # fmt: skip
    write_results(comparison, out)
    if as_json:
        print_json(comparison.to_json(), indent=1)
        return
    print_comparison(comparison, out, console)


def _arms(
    data: str, objectives: str | None, recipes: str | None, given: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Name -> settings: what is given beats a recipe, a recipe beats the defaults of the data."""
    from dipole.objectives.contract.registry import objective_class
    from dipole.studies.comparison.compare import OBJECTIVES, defaults_for

    if objectives and recipes:
        raise InputError("--objectives and --recipes: found both; expected one of them")
    base = {"data": data} | defaults_for(data)
    if recipes:
        from dipole.training.recipe import over, read_recipe

        arms = {}
        for name in _names(recipes, "--recipes"):
            recipe = read_recipe(name)
            if recipe.get("stages"):
                raise InputError(
                    f"recipes: {name} trains in stages, each of a length of its own; expected "
                    "recipes of one training"
                )
            arms[_short(name)] = over(base | recipe, given)
        # Another data set would be another question.
        return {name: settings | {"data": data} for name, settings in arms.items()}
    names = _names(objectives, "--objectives") if objectives else list(OBJECTIVES)
    for name in names:
        objective_class(name)
    return {name: base | {"objective": name} | given for name in names}


def _names(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"{option}: {text!r}; expected at least two different ones")
    return names


def _looks(text: str) -> list[int]:
    try:
        looks = [int(one) for one in text.split(",")]
    except ValueError:
        looks = []
    if not (len(looks) == 1 and looks[0] > 0) and looks not in ([5, 10], [5, 10, 20]):
        raise InputError(f"--seeds: {text!r}; expected a number such as 3, or 5,10 or 5,10,20")
    return looks


def _say(line: str) -> None:
    say(line, error=True)


def _command() -> str:
    return shlex.join(["dipole", *sys.argv[1:]])


def print_comparison(comparison: Comparison, out: Path, console: Console) -> None:
    """The ranking, ties marked, and where the report is."""
    from rich.table import Table
    from rich.text import Text

    from dipole.evaluation.report import p_text

    table = Table(
        title=f"{comparison.metric} on {comparison.data}, {comparison.budget}, "
        f"{comparison.seeds} seed{'s' * (comparison.seeds > 1)}",
        box=None, pad_edge=False, header_style="bold", title_justify="left",
    )  # fmt: skip
    interval = f"{100 * comparison.level:.3g} % interval"
    for name in ("", comparison.metric, interval, "behind", "p", "steps", "s", "examples/s",
                 "MB"):  # fmt: skip
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for place in comparison.places:
        cost = comparison.cost(place.system)
        is_best = place is comparison.places[0]
        score = place.score
        mark = " =" if place.tied and not is_best else ""
        arm = Text(place.system + mark, style="bold green" if place.tied else "")
        table.add_row(
            arm, f"{score.value:.2f}",
            f"{score.low:.2f} to {score.high:.2f}" if isfinite(score.low) else "n/a",
            "" if is_best else f"{place.behind.value:+.2f}",
            "" if is_best else p_text(place.p if isfinite(place.p) else None),
            f"{cost['steps']:,.0f}", f"{cost['seconds']:.0f}",
            f"{cost['examples_per_second']:,.0f}", f"{cost['peak_mb']:,.0f}",
        )  # fmt: skip
    if not console.is_terminal:
        console.width = max(console.width, 110)
    console.print(table)
    if comparison.measured:
        console.print(f"measured on {comparison.measured}", soft_wrap=True, markup=False)
    console.print(
        f"=: not separable from the best (p > {1 - comparison.level:.2g}, corrected for the number"
        " of arms)", soft_wrap=True,
    )  # fmt: skip
    if comparison.advice:
        console.print(Text(comparison.advice, style="yellow"), soft_wrap=True)
    for failed, error in comparison.failures.items():
        console.print(Text(f"failed: {failed}: {error}", style="red"), soft_wrap=True)
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)


def _short(recipe: str) -> str:
    """What an arm is called: a system's id, a file's name, NAME of `file.py:NAME`."""
    return recipe.rpartition(":")[2] if is_place(recipe) else Path(recipe).stem
