"""`dipole tune`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, with_options, without
from dipole.cli.outputs import check_place
from dipole.errors import InputError
from dipole.showing import counted, say, terminal
from dipole.training.config import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from dipole.studies.tuning import Space, Trial

# What is searched has options of its own form; what a search decides has none.
_OWN = {"data", "objective", "temperature", "learning_rate", "batch_size", "validation", "track"}
# How far around the encoder's own setting a search looks.
_AROUND = 5.0
# Narrow headings: the table has to fit into 80 columns.
_HEADS = {"learning_rate": "rate", "batch_size": "batch"}


@with_options(without(Config, _OWN))
def tune(
    data: Annotated[str, typer.Option(help="Data to train on, as in dipole train.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the search; run the same command again to continue.")
    ],
    trials: Annotated[
        int, typer.Option(min=1, help="Number of trials, including those stopped early.")
    ] = 20,
    validation: Annotated[
        str,
        typer.Option(
            help="Data that decides which trial is best: a file, a split or a fraction of the rows."
        ),
    ] = "0.1",
    objective: Annotated[
        str, typer.Option(help="Objectives to try, separated by commas.")
    ] = "infonce",
    temperature: Annotated[
        str | None,
        typer.Option(help="Range to search, LOW:HIGH, or one number.", show_default="0.01:0.5"),
    ] = None,
    learning_rate: Annotated[
        str | None,
        typer.Option(
            help="Range to search, LOW:HIGH, or one number.",
            show_default="a fifth to five times the encoder's own",
        ),
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(
            help="Sizes to try, separated by commas.",
            show_default="half, one and two times the encoder's own",
        ),
    ] = None,
    finalists: Annotated[
        int,
        typer.Option(
            min=0,
            help="Number of best trials to train again with dipole compare, at several "
            "seeds; 0 for none.",
        ),
    ] = 3,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds for each finalist.")] = 3,
    test: Annotated[
        str | None,
        typer.Option(
            help="Split, file or fraction to test the finalists on.",
            show_default="the test split; 0.2 of a file",
        ),
    ] = None,
    device: Device = None,
    **settings: Any,
) -> None:
    """Find the temperature, learning rate, batch size and objective with the best validation.

    Poor trials are stopped early. The best of many validation scores is too optimistic, so the best
    few are trained again at several seeds and compared on test data.

    Example: dipole tune --data pairs.csv --out runs/search --trials 20 --objective infonce,dcl
    """

    from dipole.studies.tuning import tune as search

    check_place("--out", out)
    console = terminal()
    seed = settings.pop("seed", 0)
    space, fixed = _space(settings, objective, temperature, learning_rate, batch_size)
    fixed = {"data": data} | settings | fixed
    _announce(space, fixed)
    ranked = search(
        space,
        out,
        trials=trials,
        seed=seed,
        keep=max(finalists, 1),
        told=lambda trial: _say(trial, console),
        validation=validation,
        **fixed,
    )
    _table(ranked, console)
    recipe = out / "best.yaml"
    _write_recipe(recipe, fixed | {"validation": validation, "seed": seed} | ranked[0].settings)
    line = f"the best settings: {recipe}; dipole train --recipe {recipe} --out RUN"
    console.print(line, soft_wrap=True)
    best = [trial for trial in ranked[:finalists] if trial.state == "complete"]
    if len(best) > 1:
        _compare(best, fixed, out / "compare", seeds, test, console)


def _announce(space: Space, fixed: dict[str, Any]) -> None:
    """Which rows and columns every trial is trained on; what no trial could do is said first."""
    from dipole.training.build import build_objective
    from dipole.training.config import make_config
    from dipole.training.examples import check_columns, check_examples
    from dipole.training.tasks import load_tasks
    from dipole.training.towers import inputs_of

    configs = [
        make_config(**{**fixed, "objective": name})
        for name in space.choices.get("objective", [fixed.get("objective")])
    ]
    wanted = [inputs_of(build_objective(config)) for config in configs]
    for config, inputs in zip(configs, wanted, strict=True):
        check_columns(config, inputs)
    for task in load_tasks(configs[0]):
        check_examples(task.config, task.inputs, task.examples)
        shown = counted(len(task.examples), "example")
        say(f"training: {shown} from {task.examples.origin}", error=True)


def _space(
    settings: dict[str, Any],
    objective: str,
    temperature: str | None,
    learning_rate: str | None,
    batch_size: str | None,
) -> tuple[Space, dict[str, Any]]:
    """What is searched, and what is said by one value."""
    from dipole.objectives.contract.registry import objective_class, options
    from dipole.studies.tuning import Space

    ranges: dict[str, tuple[float, float]] = {}
    choices: dict[str, Sequence[Any]] = {}
    fixed: dict[str, Any] = {}
    names = [name.strip() for name in objective.split(",") if name.strip()]
    if not names:
        raise InputError(f"--objective {objective!r}: found no name; expected one, as infonce,dcl")
    for name in names:
        objective_class(name)
    if len(names) > 1:
        choices["objective"] = names
    else:
        fixed["objective"] = names[0]
    own = _defaults(settings)
    rate = own["learning_rate"]
    has_temperature = all("temperature" in options(objective_class(name)) for name in names)
    if temperature is not None and not has_temperature:
        raise InputError("--temperature: found an objective without one; expected none to search")
    if has_temperature:
        _range(ranges, fixed, "temperature", temperature or "0.01:0.5")
    around = f"{rate / _AROUND:g}:{rate * _AROUND:g}"
    _range(ranges, fixed, "learning_rate", learning_rate or around)
    size = own["batch_size"]
    sizes = batch_size or f"{size // 2},{size},{size * 2}"
    try:
        found = [int(part) for part in sizes.split(",")]
    except ValueError:
        raise InputError(f"--batch-size {sizes}: expected whole numbers, as 32,64") from None
    if len(found) > 1:
        choices["batch_size"] = found
    else:
        fixed["batch_size"] = found[0]
    return Space(ranges, choices), fixed


def _range(
    ranges: dict[str, tuple[float, float]], fixed: dict[str, Any], name: str, text: str
) -> None:
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 2:
        ranges[name] = (numbers[0], numbers[1])
    elif len(numbers) == 1:
        fixed[name] = numbers[0]
    else:
        flag = "--" + name.replace("_", "-")
        raise InputError(f"{flag} {text}: expected LOW:HIGH, as 0.01:0.5, or one number")


def _defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """The encoder's own learning rate and batch size, by its name."""
    from dipole.encoders.names import saved_class
    from dipole.encoders.registry import encoder_class, is_made

    encoder = settings.get("encoder", Config.model_fields["encoder"].default)
    cls = encoder_class(encoder) if is_made(encoder) else saved_class("TransformerText")
    assert cls is not None
    own: dict[str, Any] = dict(cls.training_defaults)
    if settings.get("adapter"):
        from dipole.encoders.adapters import RATES

        own["learning_rate"] = RATES.get(settings["adapter"], own["learning_rate"])
    return own


def _say(trial: Trial, console: Console) -> None:
    line = f"trial {trial.number}: {_value(trial)} {trial.state}  {_shown(trial)}"
    console.print(line, soft_wrap=True)


def _table(ranked: list[Trial], console: Console) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    names = sorted({name for trial in ranked for name in trial.settings})
    heads = [_HEADS.get(name, name) for name in names]
    for name in ("rank", "score", "trial", *heads, "step", ""):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for rank, trial in enumerate(ranked, 1):
        row = [_short(trial.settings.get(name, "")) for name in names]
        note = trial.error or ("" if trial.state == "complete" else trial.state)
        table.add_row(str(rank), _value(trial), str(trial.number), *row, str(trial.step), note)
    console.print(table)


def _compare(
    best: list[Trial],
    fixed: dict[str, Any],
    out: Path,
    seeds: int,
    test: str | None,
    console: Console,
) -> None:
    """The report of `dipole compare` for the best of the search."""
    from dipole.cli.compare import print_comparison
    from dipole.cli.study_table import watching
    from dipole.studies.budget import parse_budget
    from dipole.studies.comparison.compare import compare, write_results

    if "max_steps" in fixed:
        budget = parse_budget(f"{fixed['max_steps']}steps")
    else:
        budget = parse_budget(f"{fixed.get('epochs') or _defaults(fixed)['epochs']:g}epochs")
    shared = {k: v for k, v in fixed.items() if k not in ("epochs", "max_steps", "seed")}
    arms = {f"trial-{trial.number}": shared | trial.settings for trial in best}
    with watching(console) as watch:
        comparison = compare(
            arms, budget, out, seeds=[seeds], test=test, watch=watch,
            command=shlex.join(["dipole", *sys.argv[1:]]),
        )  # fmt: skip
    write_results(comparison, out)
    print_comparison(comparison, out, console)


def _write_recipe(path: Path, settings: dict[str, Any]) -> None:
    import yaml

    from dipole.files import write_text

    write_text(path, yaml.safe_dump(settings, sort_keys=False))


def _value(trial: Trial) -> str:
    return "-" if trial.value is None else f"{trial.value:.4f}"


def _shown(trial: Trial) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in trial.settings.items())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
