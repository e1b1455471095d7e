"""A table, a JSON object and a file of single items, from results of one task on one data set."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError
from dipole.evaluation.result import Result, compare
from dipole.files import replaced
from dipole.showing import counted

if TYPE_CHECKING:
    from rich.console import Console

PER_ITEM_FORMATS = (".jsonl", ".tsv")


def report_json(results: Sequence[Result], **about: Any) -> dict[str, Any]:
    """Everything the table shows, and `about` in front; a value that does not exist is None.

    {..., task, items, item, level, systems: {name: {metrics: {metric: {value, low, high}}, notes}},
    tests: {baseline: {metric: {difference, low, high, p_permutation, p_bootstrap}}}}. The first
    result is tested against each of the others.
    """
    first, *others = results
    tests = {}
    for other in others:
        tests[other.system] = {
            metric: {
                "difference": _number(test.difference.value),
                "low": _number(test.difference.low),
                "high": _number(test.difference.high),
                "p_permutation": _number(test.p_permutation),
                "p_bootstrap": _number(test.p_bootstrap),
            }
            for metric, test in compare(first, other).items()
        }
    return {
        **about,
        "task": first.task,
        "items": len(first.ids),
        "item": first.item,
        "level": 0.95,
        "systems": {
            result.system: {
                "metrics": {
                    metric: dict(zip(("value", "low", "high"), map(_number, found), strict=True))
                    for metric, found in result.intervals.items()
                },
                "notes": list(result.notes),
            }
            for result in results
        },
        "tests": tests,
    }


def print_report(report: dict[str, Any], console: Console, title: str = "") -> None:
    """Print a `report_json` as tables: the systems, then the first against each of the others."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    systems = report["systems"]
    first = next(iter(systems))
    shown = _short_names(list(systems))
    values = Table(title=Text(title) if title else None, title_justify="left", box=SIMPLE_HEAD)
    values.add_column("metric")
    for system in systems:
        values.add_column(Text(shown[system]), justify="right")
    for metric in systems[first]["metrics"]:
        cells = [_with_interval(systems[s]["metrics"][metric], "value") for s in systems]
        values.add_row(*map(Text, (metric, *cells)))
    console.print(values)
    if report["tests"]:
        tests = Table(box=SIMPLE_HEAD)
        for name, side in (("metric", "left"), ("difference", "right"), ("p", "right")):
            tests.add_column(name, justify=side)  # type: ignore[arg-type]
        for other, found in report["tests"].items():
            tests.add_section()
            tests.add_row(Text(f"{shown[first]} minus {shown[other]}", style="bold"))
            for metric, test in found.items():
                cell = _with_interval(test, "difference", sign="+")
                tests.add_row(*map(Text, (metric, cell, _p_cell(test))))
        console.print(tests)
    items, unit = counted(report["items"], report["item"]), counted(0, report["item"])[2:]
    console.print(Text(f"{items}; [95 % bootstrap interval over {unit}]"), soft_wrap=True)
    if report["tests"]:
        console.print(
            Text("p: paired permutation test, two-sided, not corrected for many metrics"),
            soft_wrap=True,
        )
    if any("(b)" in _p_cell(t) for found in report["tests"].values() for t in found.values()):
        console.print(
            Text("(b): paired bootstrap, where no exchange of items tests the metric"),
            soft_wrap=True,
        )
    for system, found in systems.items():
        for note in found["notes"]:
            console.print(Text(f"note: {shown[system]}: {note}"), soft_wrap=True)
    if any(m["low"] is None for s in systems.values() for m in s["metrics"].values()):
        console.print(
            Text(
                f"n/a: no interval from one of the {unit}, where all have the same value, or where "
                "the metric has none"
            ),
            soft_wrap=True,
        )


def _short_names(systems: list[str]) -> dict[str, str]:
    """The last part of every path, if that still tells the systems apart."""
    short = [Path(system).name or system for system in systems]
    return dict(zip(systems, short if len(set(short)) == len(short) else systems, strict=True))


def check_per_item_path(path: Path) -> None:
    """Raise InputError where `write_per_item` knows no such format."""
    if path.suffix not in PER_ITEM_FORMATS:
        raise InputError(f"{path}: format {path.suffix!r}; expected .jsonl or .tsv")


def write_per_item(path: str | Path, results: Sequence[Result]) -> None:
    """One line per item and system: id, system, then the columns (jsonl or tsv by the suffix)."""
    path = Path(path)
    check_per_item_path(path)
    if not path.parent.is_dir():
        raise InputError(f"{path}: no folder {path.parent}; expected one that exists")
    lines = _jsonl(results) if path.suffix == ".jsonl" else _tsv(results)
    with replaced(path) as new, open(new, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)


def _jsonl(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        names = list(result.per_item)
        for identity, row in zip(result.ids, result.values.tolist(), strict=True):
            values = dict(zip(names, row, strict=True))
            yield json.dumps(
                {"id": identity, "system": result.system, **values}, ensure_ascii=False
            )


def _tsv(results: Sequence[Result]) -> Iterator[str]:
    yield "\t".join(["id", "system", *results[0].per_item])
    for result in results:
        for identity, row in zip(result.ids, result.values.tolist(), strict=True):
            # An id may hold a tab; a line of the table may not.
            name = " ".join(identity.split()) if len(identity.split()) > 1 else identity
            yield "\t".join([name, result.system, *map(repr, row)])


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _with_interval(found: dict[str, float | None], key: str, sign: str = "") -> str:
    value = "n/a" if found[key] is None else format(found[key], f"{sign}.3f")
    low, high = (
        "n/a" if found[end] is None else format(found[end], f"{sign}.3f") for end in ("low", "high")
    )
    return f"{value} [{low}, {high}]" if low != "n/a" else f"{value} [n/a]"


def _p_cell(test: dict[str, float | None]) -> str:
    """The p-value of the permutation test; where there is none, that of the bootstrap, marked."""
    if test["p_permutation"] is None and test["p_bootstrap"] is not None:
        return p_text(test["p_bootstrap"]) + " (b)"
    return p_text(test["p_permutation"])


def p_text(p: float | None) -> str:
    """A p-value as people read it; resampling cannot tell a smaller one from 0.001."""
    if p is None:
        return "n/a"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
