"""`dipole evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from dipole.cli.evaluated import Asked, Measured, cut_offs, measure, split_seed, systems_of
from dipole.cli.options import Device, TrustCode
from dipole.cli.outputs import check_file, check_not_data, write_all
from dipole.cli.trained import check_bad_rows, choose_columns, columns_of, settings_of
from dipole.errors import InputError
from dipole.showing import print_json, terminal

COLUMNS = "Columns of the data (default: those RUN was trained on, if present)"
SETTINGS = "Task settings"
# Settings whose options have another name.
OPTIONS = {
    "templates": "template", "measures": "measure", "ignore_identical_ids": "ignore-identical-ids",
}  # fmt: skip


def evaluate(
    run: Annotated[str, typer.Argument(help="Run, model folder, hub id, or vectors (.npy, .npz).")],
    task: Annotated[
        str,
        typer.Option(
            help="retrieval, sts, reranking, pair-classification, knn, probe, few-shot, "
            "zero-shot, clustering, triplets, bitext, duplicates, geometry, or your own "
            "(file.py:NAME)."
        ),
    ] = "retrieval",
    data: Annotated[
        str | None,
        typer.Option(
            help="File, folder, data set name, hub id, or your own function (file.py:name). "
            "Default for retrieval: stdlib-code."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of the data to evaluate on.", show_default="test; all of a file"),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            help="knn, probe: labelled data to learn from. Default: the train split of DATA."
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help="System to test RUN against: bm25 (retrieval), pixels (images), or another run "
            "or model; repeatable."
        ),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(rich_help_panel=COLUMNS, help="Scored pairs: column with the first texts."),
    ] = None,
    second: Annotated[
        str | None,
        typer.Option(rich_help_panel=COLUMNS, help="Scored pairs: column with the second texts."),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(rich_help_panel=COLUMNS, help="Scored pairs: column with the scores."),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(rich_help_panel=COLUMNS, help="Labelled data: column with the inputs."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(rich_help_panel=COLUMNS, help="Labelled data: column with the labels."),
    ] = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=COLUMNS, help="Pairs: column with the queries (bitext: first texts)."
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=COLUMNS, help="Pairs: column with the answers (bitext: second texts)."
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(rich_help_panel=COLUMNS, help="Reranking: column with the queries."),
    ] = None,
    candidates: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=COLUMNS, help="Reranking: column with the lists of candidates."
        ),
    ] = None,
    relevance: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=COLUMNS, help="Reranking: column with the lists of relevance values."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="retrieval, reranking: cut-offs, separated by commas: 1,3,10.",
            show_default="each measure's own",
        ),
    ] = None,
    measure_names: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            rich_help_panel=SETTINGS,
            help="retrieval, reranking: nDCG, MRR, Recall, MAP, P or Success, optionally with "
            "its own cut-off (P@5); R-precision or MAP@R. Repeatable.",
            show_default="the first four",
        ),
    ] = None,
    ignore_identical_ids: Annotated[
        bool | None,
        typer.Option(
            "--ignore-identical-ids/--keep-identical-ids",
            rich_help_panel=SETTINGS,
            help="retrieval: do not rank a document that is the query itself.",
            show_default="ignored, unless judged relevant",
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(rich_help_panel=SETTINGS, help="knn: number of neighbours. Default: 20."),
    ] = None,
    ways: Annotated[
        int | None,
        typer.Option(rich_help_panel=SETTINGS, help="few-shot: classes per episode. Default: 5."),
    ] = None,
    shots: Annotated[
        int | None,
        typer.Option(rich_help_panel=SETTINGS, help="few-shot: examples per class. Default: 5."),
    ] = None,
    episodes: Annotated[
        int | None,
        typer.Option(rich_help_panel=SETTINGS, help="few-shot: number of episodes. Default: 600."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="zero-shot: class names, separated by commas, in the order of the sorted "
            "labels. Default: the labels.",
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="zero-shot: prompt with {} for the class name; repeatable, their vectors are "
            "averaged.",
        ),
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="Image size in pixels, 64 or 48x64 (height x width): images are scaled, then "
            "cropped to the centre. Default: unchanged.",
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=SETTINGS,
            help="Tower that encodes labelled inputs: query or document. Default: query.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seed for random splits, sampling and the bootstrap. Default: that of the split "
            "RUN was trained on, else 0.",
        ),
    ] = None,
    on_bad_row: Annotated[
        str, typer.Option(help="What to do with bad rows: error (stop) or skip (and count them).")
    ] = "error",
    per_query: Annotated[
        Path | None,
        typer.Option(help="File for the scores of each query, pair or example, .jsonl or .tsv."),
    ] = None,
    trec_run: Annotated[
        Path | None, typer.Option(help="File for RUN's rankings, in TREC format.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Evaluate an encoder, with confidence intervals and a paired test against each baseline.

    Example: dipole evaluate runs/first --data stdlib-code --baseline bm25
    """
    from dipole.evaluation.tasks.registry import Wanted, task_of

    task_of(task)  # whether there is one is said first
    bad_rows = check_bad_rows(on_bad_row)
    columns: dict[str, Any] = {
        "first": first, "second": second, "score": score, "input": input, "label": label,
        "anchor": anchor, "positive": positive, "query": query, "candidates": candidates,
        "relevance": relevance,
    }  # fmt: skip
    listed = [name.strip() for name in names.split(",")] if names is not None else None
    settings: dict[str, Any] = {
        "k": k, "ways": ways, "shots": shots, "episodes": episodes, "names": listed,
        "templates": template or None, "at": cut_offs(at), "measures": measure_names or None,
        "ignore_identical_ids": ignore_identical_ids,
    }  # fmt: skip
    columns = {name: value for name, value in columns.items() if value is not None}
    settings = {name: value for name, value in settings.items() if value is not None}
    _check_options(task, columns, settings, train, role, resize)
    systems = systems_of(run, baseline or [], task, role)
    _check_outputs(task, data, per_query, trec_run)
    if data is None:
        if task not in ("retrieval", "geometry"):
            raise InputError(f"--task {task}: no data; expected --data, {_wants(task)}")
        data = "stdlib-code"
    if split is not None and _is_table(data):
        raise InputError(f"--split {split}: {data} is a file, which has no splits; expected none")
    seed = split_seed(systems, data, seed)
    sizes = [settings_of(system).get("resize") for system in systems]  # as it was trained
    size = resize or next((str(size) for size in sizes if size and task != "reranking"), None)
    wanted = Wanted(data, split, train, columns, seed, bad_rows, size, resize is None)
    fields = _fields(task, columns, systems)
    columns, notes = choose_columns(fields, columns, systems, data, wanted.part)
    wanted = replace(wanted, columns=columns)
    asked = Asked(task, wanted, settings, role, needs_words=trec_run is not None)
    found = measure(systems, asked, notes, show_progress=not as_json)
    _report(found, per_query, trec_run, as_json)


def _report(found: Measured, per_query: Path | None, trec_run: Path | None, as_json: bool) -> None:
    """Write the files that were asked for, all or none; print the tables or the JSON object."""
    from dipole.evaluation.report import print_report, report_json, write_per_item

    results, about = found.results, found.about
    if found.task == "geometry":
        from dipole.evaluation.geometry.report import geometry_json, print_geometry

        report, show = geometry_json(results, **about), print_geometry
    else:
        report, show = report_json(results, **about), print_report
    files: list[tuple[Path, Callable[[Path], None]]] = []
    if per_query is not None:
        files.append((per_query, lambda path: write_per_item(path, results)))
    if trec_run is not None:
        from dipole.data import write_run

        files.append((trec_run, lambda path: write_run(path, results[0].run)))
    write_all(files)
    if as_json:
        print_json(report, indent=1)
        return
    from rich.text import Text

    console = terminal()
    if not console.is_terminal:
        console.width = 60 + 40 * len(results)  # a file or a pipe has no edge to wrap at
    part = f" ({about['split']})" if about["split"] else ""
    show(report, console, title=f"{found.task} on {about['data']}{part}")
    console.print(Text(found.direction), soft_wrap=True)


def _check_outputs(
    task: str, data: str | None, per_query: Path | None, trec_run: Path | None
) -> None:
    """What cannot be written is refused before anything is encoded."""
    from dipole.evaluation.report import check_per_item_path

    if per_query is not None:
        if task == "geometry":
            raise InputError("--per-query: geometry measures no single items; expected a task")
        check_per_item_path(per_query)
        check_file("--per-query", per_query)
        check_not_data("--per-query", per_query, data)
    if trec_run is not None:
        if task != "retrieval":
            raise InputError(f"--trec-run: task {task} ranks nothing; expected --task retrieval")
        check_file("--trec-run", trec_run)
        check_not_data("--trec-run", trec_run, data)
        if per_query is not None and per_query.resolve() == trec_run.resolve():
            raise InputError(f"{trec_run}: given twice, to --per-query too; expected two files")


def _is_table(data: str) -> bool:
    path = Path(data)
    return path.is_file() and path.suffix.lower() != ".zip"


def _fields(task: str, given: dict[str, Any], systems: list[str]) -> tuple[str, ...]:
    """The fields whose columns are open; of geometry, which takes any data, those of one kind."""
    from dipole.evaluation.tasks.registry import DATA, task_of

    if task != "geometry":
        return DATA[task_of(task).data].fields
    trained = next(filter(None, map(columns_of, systems)), {})
    kind = "labelled" if "label" in trained else "scored" if "score" in trained else "pairs"
    for other in ("labelled", "scored", "pairs"):
        if any(name in DATA[other].fields for name in given):
            kind = other
    strange = [name for name in given if name not in DATA[kind].fields]
    if strange:
        raise InputError(
            f"--{strange[0]}: found beside columns of {kind} data; expected "
            f"{', '.join(f'--{name}' for name in DATA[kind].fields)} alone"
        )
    return DATA[kind].fields


def _wants(task: str) -> str:
    from dipole.evaluation.tasks.registry import DATA, task_of

    return DATA[task_of(task).data].about


def _check_options(
    task: str, columns: dict[str, Any], settings: dict[str, Any], train: str | None,
    role: str | None, resize: str | None,
) -> None:  # fmt: skip
    """An option that the task does not have is an error, not ignored."""
    from dipole.evaluation.tasks.registry import DATA, task_of, tasks_that

    for name in columns:
        if name not in DATA[task_of(task).data].fields:
            others = tasks_that(lambda t, name=name: name in DATA[t.data].fields)  # type: ignore[misc]
            raise InputError(
                f"--{name}: a column that {task} does not have; expected --task {others}"
            )
    for name in settings:
        if name not in task_of(task).settings:
            others = tasks_that(lambda t, name=name: name in t.settings)  # type: ignore[misc]
            option = OPTIONS.get(name, name)
            raise InputError(f"--{option}: a setting of --task {others}, not of {task}")
    if train is not None and task_of(task).data != "train and test":
        others = tasks_that(lambda t: t.data == "train and test")
        raise InputError(f"--train: {task} learns nothing; expected --task {others}")
    if resize is not None and task_of(task).data == "ranked":
        others = tasks_that(lambda t: t.data != "ranked")
        raise InputError(f"--resize: of images; expected --task {others}")
    if role is not None:
        if role not in ("query", "document"):
            raise InputError(f"--role {role}: expected query or document")
        if "label" not in DATA[task_of(task).data].fields:
            others = tasks_that(lambda t: "label" in DATA[t.data].fields)
            raise InputError(f"--role: {task} knows its roles; expected --task {others}")
