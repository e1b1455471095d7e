"""`dipole advise`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import TrustCode
from dipole.showing import counted, print_json, say

if TYPE_CHECKING:
    from dipole.training.advice.advise import Advice
    from dipole.training.advice.findings import Field, Findings


def advise(
    data: Annotated[str, typer.Argument(help="Data to look at: a file, folder, name or hub id.")],
    anchor: Annotated[
        str | None, typer.Option(help="Column with the anchors, or with the inputs.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Column with the positives; B,C for several.")
    ] = None,
    negative: Annotated[
        list[str] | None, typer.Option(help="Column with hard negatives. Repeatable.")
    ] = None,
    score: Annotated[str | None, typer.Option(help="Column with the scores of pairs.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with classes or numbers.")] = None,
    split: Annotated[str, typer.Option(help="Split to look at.")] = "train",
    resize: Annotated[
        str | None, typer.Option(help="Size of the images: 64, or 48x64 for height x width.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    trust_code: TrustCode = False,
) -> None:
    """Look at your data and say what to train with, and why.

    Shows what the rows have, copies, lengths, languages and likely false
    negatives, and prints the dipole train command that fits. Trains nothing.

    Example: dipole advise faq.csv
    """
    from dipole.training.advice.advise import advise as found
    from dipole.training.advice.reading import Named

    named = Named(anchor, positive, tuple(negative or ()), score, label, split, resize)
    advice = found(data, named)
    if as_json:
        print_json(_json(advice), indent=1)
        return
    for line in _lines(advice):
        say(line)


def _json(advice: Advice) -> dict[str, Any]:
    settings = {name: setting._asdict() for name, setting in advice.proposal.items()}
    return asdict(advice) | {"proposal": settings}


def _lines(advice: Advice) -> list[str]:
    found = advice.findings
    lines = [f"{found.origin}: {counted(found.rows, 'row')} of the kind {found.kind}", ""]
    if advice.columns:
        lines += _table({f"'{name}'": holds for name, holds in advice.columns.items()})
        lines += [""]
    lines += _table({field.name: _said(field) for field in found.fields} | _numbers(found))
    lines += ["", *(f"- {note}" for note in advice.notes)] if advice.notes else []
    lines += ["", "proposal"]
    lines += _table(
        {name: f"{setting.value}: {setting.why}" for name, setting in advice.proposal.items()}
    )
    lines += ["", "run", f"  {advice.command}"]
    if advice.then:
        lines += ["then", *(f"  {command}" for command in advice.then)]
    return [*lines, "", f"why: {advice.page}"]


def _table(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {name:<{width}}  {text}" for name, text in rows.items()]


def _said(field: Field) -> str:
    parts = [f"{field.different:,} different {field.holds}"]
    if field.words is not None:
        parts.append(f"{field.words[0]} words, at most {field.words[1]} in 95 %")
    parts += [f"{name} {share:.0%}" for name, share in list(field.languages.items())[:3]]
    parts += [f"{shape} pixels" for shape in list(field.shapes)[:3]]
    return "; ".join(parts)


def _numbers(found: Findings) -> dict[str, str]:
    rows: dict[str, str] = {}
    if found.classes:
        counts = sorted(found.classes.values())
        rows["classes"] = f"{len(counts):,}, of {counts[0]:,} to {counts[-1]:,} rows"
    if found.scores is not None:
        low, high, different = found.scores
        name = "labels" if found.kind == "numbered" else "scores"
        rows[name] = f"{low:g} to {high:g}, {different:,} different"
    if found.candidates is not None:
        rows["candidates"] = f"{found.candidates} of a query in the median list"
    return rows
