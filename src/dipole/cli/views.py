"""`dipole views`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode
from dipole.cli.trained import load_or_pretrained
from dipole.errors import InputError
from dipole.showing import counted, print_json, say

if TYPE_CHECKING:
    from dipole.data import Examples
    from dipole.evaluation.view_audit import Audited
    from dipole.views.base import View

# Measures that the table shows with an interval.
_WITH_INTERVAL = ("similarity", "kept", "label kept")


def views(
    data: Annotated[str, typer.Argument(help="Texts: a file, folder, name or hub id.")],
    view: Annotated[
        list[str] | None,
        typer.Option(
            help="View to audit, as NAME or NAME:KEY=VALUE. Repeatable. Default: all views of "
            "texts.",
            metavar="NAME:KEY=VALUE",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Model that judges meaning: a run, folder or hub id. Default: the pretrained "
            "model installed here."
        ),
    ] = None,
    anchor: Annotated[str | None, typer.Option(help="Column with the texts.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with their classes.")] = None,
    split: Annotated[str, typer.Option(help="Split of the data to read.")] = "train",
    most: Annotated[
        int, typer.Option(help="Look at N texts at most, drawn at random.", min=3)
    ] = 1000,
    samples: Annotated[
        int, typer.Option(help="Show the N least similar renderings of each view.", min=0)
    ] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the views and of the draw.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Audit views: how often does each keep the meaning of your texts?

    A judge model compares each text with its view and with the other texts; with
    classes, a classifier says whether the view still has the class of its text.

    Example: dipole views faq.csv --view word-deletion --view word-deletion:rate=0.5
    """
    from dipole.evaluation.view_audit import VIEWS, audit_views, check_views
    from dipole.training.advice.reading import Named, read

    made = _made(view or list(VIEWS))
    check_views(made)
    examples = read(data, Named(anchor, label=label, split=split))
    texts, labels, found = _texts(examples, most, seed)
    say(f"{found} from {examples.origin}", error=True)
    encoder = load_or_pretrained(judge, "--judge")
    audited = audit_views(encoder, texts, made, labels=labels, seed=seed)
    if as_json:
        print_json(_json(audited, samples), indent=1)
        return
    for line in _lines(audited, samples):
        say(line)


def _made(given: list[str]) -> dict[str, View]:
    """Each view under the words that the user wrote."""
    from dipole.training.naming import read_named
    from dipole.views import build_views

    made: dict[str, View] = {}
    for text in given:
        if text in made:
            raise InputError(f"--view {text}: given twice; expected every view once")
        name, settings = read_named(text, "views", "word-deletion:rate=0.5")
        made[text] = build_views([name], **settings)[0]
    return made


def _texts(examples: Examples, most: int, seed: int) -> tuple[list[str], list[Any] | None, str]:
    """Different texts, at most so many, their classes if they have some, and what was found."""
    import numpy as np

    from dipole.data import Labeled
    from dipole.training.advice.reading import is_quantity

    field = next(iter(type(examples).FIELDS))
    column = list(examples.column(field))
    if column and not isinstance(column[0], str):
        raise InputError(
            f"data: found {field}s that are no texts ({examples.origin}); expected texts"
        )
    known: dict[str, int] = {}
    for i, text in enumerate(column):
        known.setdefault(text, i)
    rows = np.array(list(known.values()))
    said = counted(len(rows), "different text")
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        said = f"{len(rows):,} of {said}, drawn"
    has_classes = isinstance(examples, Labeled) and not is_quantity(examples)
    labels = list(examples.column("label")) if has_classes else None
    return [column[i] for i in rows], None if labels is None else [labels[i] for i in rows], said


def _json(audited: list[Audited], samples: int) -> dict[str, Any]:
    found = {}
    for one in audited:
        measures = {
            name: {k: None if v != v else v for k, v in interval._asdict().items()}
            for name, interval in one.result.intervals.items()
        }
        worst = [
            {"similarity": value, "text": text, "view": view}
            for value, text, view in one.worst(samples)
        ]
        found[one.result.system] = {"measures": measures, "least similar": worst}
    first = audited[0].result
    return {"texts": len(first.ids), "level": 0.95, "notes": list(first.notes), "views": found}


def _lines(audited: list[Audited], samples: int) -> list[str]:
    from dipole.tables import Table

    first = audited[0].result
    rows = [[one.result.system, *_cells(one)] for one in audited]
    title = f"views of {counted(len(first.ids), 'text')}, with 95 % intervals"
    lines = str(Table(title, rows, ("view", *first.metrics), first.notes)).splitlines()
    for one in audited[:-1]:
        for value, text, view in one.worst(samples):
            lines += ["", f"{one.result.system}, similarity {value:.2f}", f"  {text}", f"  {view}"]
    return lines


def _cells(one: Audited) -> list[str]:
    cells = []
    for name in one.result.metrics:
        if name not in _WITH_INTERVAL:
            cells.append(f"{one.result.value(name):.3f}")
            continue
        value, low, high = one.result.intervals[name]
        cells.append(f"{value:.3f}" + ("" if low != low else f" [{low:.3f}, {high:.3f}]"))
    return cells
