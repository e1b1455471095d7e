"""`dipole evaluate`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.evaluation.result import Result

TASKS = ("retrieval", "sts")
BM25_NAME = "bm25"


def evaluate(
    run: Annotated[str, typer.Argument(help="Run, model folder or hub id.")],
    task: Annotated[str, typer.Option(help="retrieval or sts.")] = "retrieval",
    data: Annotated[
        str,
        typer.Option(
            help="retrieval: a BEIR folder, a file of pairs or a name; sts: a file or a name."
        ),
    ] = "stdlib-code",
    split: Annotated[str, typer.Option(help="Split of the data to measure on.")] = "test",
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="bm25, or another run or model, tested against RUN; repeatable."),
    ] = None,
    first: Annotated[str | None, typer.Option(help="sts: column of the first texts.")] = None,
    second: Annotated[str | None, typer.Option(help="sts: column of the second texts.")] = None,
    score: Annotated[str | None, typer.Option(help="sts: column of the scores.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seed of a split by chance (default: the split RUN was trained on, else 0) "
            "and of the resampling.",
        ),
    ] = None,
    per_query: Annotated[
        Path | None, typer.Option(help="Write every query's (pair's) numbers: .jsonl or .tsv.")
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
    from dipole.evaluation.report import (
        check_folder,
        check_per_item_path,
        print_report,
        report_json,
        write_per_item,
    )

    if task not in TASKS:
        raise InputError(f"--task {task}: no such task; expected {' or '.join(TASKS)}")
    columns = (first, second, score)
    if task != "sts" and any(columns):
        raise InputError("--first, --second, --score: columns of pairs; expected --task sts")
    systems = _systems(run, baseline or [], task)
    if per_query is not None:
        check_per_item_path(per_query)
    if trec_run is not None:
        if task != "retrieval":
            raise InputError(f"--trec-run: task {task} ranks nothing; expected --task retrieval")
        check_folder(trec_run)
    seed = _split_seed(systems, data, seed)

    results = _measure(systems, task, data, split, columns, seed, show_progress=not as_json)
    results = [_noted(result, data, split) for result in results]
    part = None if Path(data).is_file() else split  # a file has no splits
    report = report_json(results, data=data, split=part, seed=seed)
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
        console.width = 40 + 40 * len(results)  # a file or a pipe has no edge to wrap at
    print_report(report, console, title=f"{task} on {data}" + (f" ({part})" if part else ""))


def _systems(run: str, baselines: list[str], task: str) -> list[str]:
    """RUN first, then the baselines; each once, each one that can do the task."""
    systems = [run, *baselines]
    for position, system in enumerate(systems):
        if system in systems[:position]:
            raise InputError(f"{system}: given twice; expected every system once")
        if system == BM25_NAME and position and task != "retrieval":
            raise InputError(f"--baseline {BM25_NAME}: finds documents; expected --task retrieval")
    return systems


def _split_seed(systems: list[str], data: str, asked: int | None) -> int:
    """The seed of the split; an error if a run was trained on what would be measured.

    A run that was trained on one split by chance has seen test examples of another.
    """
    seed = asked
    for system in systems:
        trained = _training_of(system)
        if trained.get("data") != data or "split_seed" not in trained:
            continue
        if seed is None:
            seed = int(trained["split_seed"])
        elif seed != trained["split_seed"]:
            raise InputError(
                f"{system}: trained on {data} split by seed {trained['split_seed']}, measured on "
                f"the split by seed {seed}; expected the same seed, else it has seen the answers"
            )
    return seed or 0


def _noted(result: Result, data: str, split: str) -> Result:
    """The result with a note, if its system was trained on the very examples that are measured."""
    trained = _training_of(result.system)
    same = trained.get("data") == data and (trained.get("split") == split or Path(data).is_file())
    if not same:
        return result
    note = "trained on the examples measured here: this says how well it remembers"
    return replace(result, notes=(*result.notes, note))


def _training_of(system: str) -> dict[str, Any]:
    """The settings a run was trained with; {} for a model that is no run of ours."""
    import yaml

    path = Path(system, "config.yaml")
    if not path.is_file():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # whether the run is broken is for load_encoder to say
    return settings if isinstance(settings, dict) else {}


def _measure(
    systems: list[str],
    task: str,
    data: str,
    split: str,
    columns: tuple[str | None, str | None, str | None],
    seed: int,
    *,
    show_progress: bool,
) -> list[Result]:
    """One result per system. The encoders are loaded first: a wrong path is said at once."""
    from dipole.encoders import load_encoder
    from dipole.evaluation import answerable, evaluate_retrieval, evaluate_run, evaluate_sts

    show_progress = show_progress and sys.stderr.isatty()
    encoders = {s: load_encoder(s) for i, s in enumerate(systems) if i == 0 or s != BM25_NAME}
    settings: dict[str, Any] = {"seed": seed, "show_progress": show_progress}
    if task == "sts":
        from dipole.data import load_scored

        pairs = load_scored(data, *columns, split=split)
        return [evaluate_sts(encoders[s], pairs, system=s, **settings) for s in systems]

    from dipole.data import load_retrieval

    documents = load_retrieval(data, split=split, seed=seed)
    results = []
    for system in systems:
        if system in encoders:
            result = evaluate_retrieval(encoders[system], documents, system=system, **settings)
        else:
            from dipole.scores.bm25 import BM25

            found = BM25(documents.corpus).search(answerable(documents))
            qrels = {q: documents.qrels.get(q, {}) for q in documents.queries}
            result = evaluate_run(found, qrels, system=system, seed=seed)
        results.append(result)
    return results
