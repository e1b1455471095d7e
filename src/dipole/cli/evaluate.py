"""`dipole evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dipole.cli.evaluated import measure, noted, split_seed, systems_of
from dipole.errors import InputError

COLUMNS = "Columns of the data, where they are not plain"
SETTINGS = "Settings of a task"


def evaluate(
    run: Annotated[str, typer.Argument(help="Run, model folder, hub id, or vectors (.npy, .npz).")],
    task: Annotated[
        str,
        typer.Option(
            help="retrieval, sts, reranking, pair-classification, knn, probe, few-shot, zero-shot, "
            "clustering, bitext, duplicates or geometry."
        ),
    ] = "retrieval",
    data: Annotated[
        str | None,
        typer.Option(help="File, folder, name or hub id. Default: stdlib-code, for retrieval."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the data to measure on.")] = "test",
    train: Annotated[
        str | None,
        typer.Option(help="knn, probe: labelled data to learn from. Default: split train of DATA."),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help="bm25 (retrieval), pixels (images), or another run or model, tested against RUN; "
            "repeatable."
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Scored pairs: first texts.")
    ] = None,
    second: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Scored pairs: second texts.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Scored pairs: scores.")
    ] = None,
    input: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Labelled data: inputs.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Labelled data: labels.")
    ] = None,
    anchor: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Pairs: first texts.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(rich_help_panel=COLUMNS, help="Pairs: second texts.")
    ] = None,
    k: Annotated[
        int | None, typer.Option(rich_help_panel=SETTINGS, help="knn: neighbours. Default: 20.")
    ] = None,
    ways: Annotated[
        int | None, typer.Option(rich_help_panel=SETTINGS, help="few-shot: classes. Default: 5.")
    ] = None,
    shots: Annotated[
        int | None,
        typer.Option(rich_help_panel=SETTINGS, help="few-shot: examples of a class. Default: 5."),
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(rich_help_panel=SETTINGS, help="few-shot: how many. Default: 600.")
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="zero-shot: names of the classes, separated by commas, in the order of the sorted "
            "labels. Default: the labels.",
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="zero-shot: a prompt with {} for the name; repeatable, the vectors are averaged.",
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="query or document: the tower of labelled inputs. Default: query.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seed of a split by chance (default: the split RUN was trained on, else 0), "
            "of what a task draws, and of the resampling.",
        ),
    ] = None,
    per_query: Annotated[
        Path | None,
        typer.Option(help="Write the numbers of every query, pair or example: .jsonl or .tsv."),
    ] = None,
    trec_run: Annotated[
        Path | None, typer.Option(help="Write RUN's ranking as a TREC run file.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Measure an encoder: every number with its interval, every baseline with a paired test.

    Example: dipole evaluate runs/first --data stdlib-code --baseline bm25
    """
    from dipole.evaluation.report import check_folder, check_per_item_path
    from dipole.evaluation.tasks import TASKS, Wanted

    if task not in TASKS:
        raise InputError(f"--task {task}: no such task; expected {', '.join(TASKS)}")
    columns: dict[str, Any] = {
        "first": first, "second": second, "score": score, "input": input, "label": label,
        "anchor": anchor, "positive": positive,
    }  # fmt: skip
    listed = [name.strip() for name in names.split(",")] if names is not None else None
    settings: dict[str, Any] = {
        "k": k, "ways": ways, "shots": shots, "episodes": episodes, "names": listed,
        "templates": template or None,
    }  # fmt: skip
    columns = {name: value for name, value in columns.items() if value is not None}
    settings = {name: value for name, value in settings.items() if value is not None}
    _check_options(task, columns, settings, train, role)
    systems = systems_of(run, baseline or [], task)
    if per_query is not None:
        if task == "geometry":
            raise InputError("--per-query: geometry measures no single items; expected a task")
        check_per_item_path(per_query)
    if trec_run is not None:
        if task != "retrieval":
            raise InputError(f"--trec-run: task {task} ranks nothing; expected --task retrieval")
        check_folder(trec_run)
    if data is None:
        if task not in ("retrieval", "geometry"):
            raise InputError(f"--task {task}: no data; expected --data, {_wants(task)}")
        data = "stdlib-code"
    seed = split_seed(systems, data, seed)
    wanted = Wanted(data, split, train, columns, seed)

    results = measure(systems, task, wanted, settings, role, show_progress=not as_json)
    part = None if Path(data).is_file() else split  # a file has no splits
    _report(results, task, data, part, seed, per_query, trec_run, as_json)


def _report(
    results: list[Any], task: str, data: str, part: str | None, seed: int, per_query: Path | None,
    trec_run: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write the files that were asked for, then print the tables or the JSON object."""
    from dipole.evaluation.report import print_report, report_json, write_per_item

    about: dict[str, Any] = {"data": data, "split": part, "seed": seed}
    if task == "geometry":
        from dipole.evaluation.geometry_report import geometry_json, print_geometry

        report, show = geometry_json(results, **about), print_geometry
    else:
        results = [noted(result, data, part or "") for result in results]
        report, show = report_json(results, **about), print_report
    if per_query is not None:
        write_per_item(per_query, results)
    if trec_run is not None:
        from dipole.data import write_run

        write_run(trec_run, results[0].run)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 60 + 40 * len(results)  # a file or a pipe has no edge to wrap at
    show(report, console, title=f"{task} on {data}" + (f" ({part})" if part else ""))


def _wants(task: str) -> str:
    from dipole.evaluation.tasks import DATA, TASKS

    return DATA[TASKS[task].data].about


def _check_options(
    task: str, columns: dict[str, Any], settings: dict[str, Any], train: str | None,
    role: str | None,
) -> None:  # fmt: skip
    """An option that the task does not have is an error, not ignored."""
    from dipole.evaluation.tasks import DATA, TASKS, tasks_that

    for name in columns:
        if name not in DATA[TASKS[task].data].fields:
            others = tasks_that(lambda t, name=name: name in DATA[t.data].fields)  # type: ignore[misc]
            raise InputError(
                f"--{name}: a column that {task} does not have; expected --task {others}"
            )
    for name in settings:
        if name not in TASKS[task].settings:
            others = tasks_that(lambda t, name=name: name in t.settings)  # type: ignore[misc]
            option = name.removesuffix("s") if name == "templates" else name
            raise InputError(f"--{option}: a setting of --task {others}, not of {task}")
    if train is not None and TASKS[task].data != "train and test":
        others = tasks_that(lambda t: t.data == "train and test")
        raise InputError(f"--train: {task} learns nothing; expected --task {others}")
    if role is not None:
        if role not in ("query", "document"):
            raise InputError(f"--role {role}: expected query or document")
        if "label" not in DATA[TASKS[task].data].fields:
            others = tasks_that(lambda t: "label" in DATA[t.data].fields)
            raise InputError(f"--role: {task} knows its roles; expected --task {others}")
