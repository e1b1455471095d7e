"""Inputs that become vectors: one column, an id, and the columns that are to stay beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dipole.data.beir import is_beir
from dipole.data.columns import check_named, choose_text, id_column, texts_and_body
from dipole.data.converting import OnBadRow
from dipole.data.examples import Inputs, Labeled
from dipole.data.fields import arrow
from dipole.data.loading import load_any_inputs
from dipole.data.memory import is_held
from dipole.data.named import locate
from dipole.data.names import INPUTS, POSITIVES
from dipole.data.plans import Parsed, Plan
from dipole.data.reading import Reading, check_resize, pictures_of
from dipole.data.refusals import no_columns
from dipole.data.rows import Source, shown
from dipole.data.sample import Sample
from dipole.data.values import plain_json
from dipole.errors import InputError


def load_kept(
    source: Any,
    column: str | None = None,
    id: str | None = None,
    keep: Sequence[str] = (),
    split: str = "all",
    on_bad_row: OnBadRow = "error",
    resize: int | str | Sequence[int] | None = None,
) -> Inputs | Labeled:
    """Inputs (texts, images, arrays) with the columns `keep` of a table as their metadata.

    Args:
        source: whatever `load_inputs` reads.
        column: of the inputs; not given: `text`, `input`, `sentence`, ... or the only one.
        id: the column of the ids; not given: `id`, `_id`, or row numbers; of a folder of images
            the names of the files.
        keep: more columns, the one of the inputs too; only a table has some.

    Raises:
        InputError: as in `load_inputs`; no such column, or a folder of images, which has none.

    Example:
        >>> load_kept([{"text": "a cat", "year": 1999}], keep=["year"]).metadata(0)
        {'year': 1999}
    """
    planned = False

    def plan(rows: Source, sample: Sample) -> Plan:
        nonlocal planned
        planned = True
        return _plan(rows, sample, column, id, keep, resize)

    if not is_held(source):
        place = locate(source)
        if not isinstance(place, str) and place.is_dir() and is_beir(place):
            raise InputError(
                f"{source}: found a BEIR folder, two sets of texts; expected one of its files, as "
                f"{place / 'corpus.jsonl'}"
            )
    found = load_any_inputs(source, column, split, on_bad_row, resize, plan)
    if planned:
        return found
    no_columns(source, {"id": id})
    if keep:
        raise InputError(
            f"{source}: found keep={shown(keep[0])} for data without columns; expected a table"
        )
    return _by_file(found)


def _by_file(found: Inputs | Labeled) -> Inputs | Labeled:
    """Images of a folder, with the names of their files as ids."""
    files = [found.metadata(row).get("file") for row in range(len(found))]
    if not all(files):
        return found
    place = found.table.schema.get_field_index("id")
    table = found.table.set_column(place, "id", arrow().array(files, arrow().string()))
    return type(found)(table, origin=found.origin, skipped=found.skipped)


def _plan(
    source: Source,
    sample: Sample,
    column: str | None,
    id: str | None,
    keep: Sequence[str],
    resize: int | str | Sequence[int] | None,
) -> Plan:
    check_named(source, sample, [("--column", column), ("--id", id)])
    check_named(source, sample, [("--keep", name) for name in keep])
    body = None
    if column is None:
        texts, body = texts_and_body(sample, [id])
        column = choose_text(source, sample, texts, (*INPUTS, *sorted(POSITIVES)), "--column")
    identity = id or id_column(sample)
    read = Reading.of(sample, column, body, source=source, resize=resize)
    check_resize(source, resize, read)

    def parse(row: dict[str, Any]) -> Parsed:
        made = {"input": read.one(row)}
        if keep:
            made["metadata"] = json.dumps({name: plain_json(row.get(name)) for name in keep})
        return [made]

    taken = f"input {read.quoted}, " + (f"id '{identity}'" if identity else "ids are row numbers")
    taken += f", kept {', '.join(map(repr, keep))}" if keep else ""
    return Plan(
        Inputs,
        parse,
        taken,
        identity,
        metadata=bool(keep),
        kinds={"input": read.kind},
        columns={"input": column},
        images=pictures_of(input=read),
    )
