"""Rows of several things that belong together, one of each column: modalities of one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from dipole.data.columns import ColumnsError, check_named, id_column
from dipole.data.examples import Examples
from dipole.data.fields import VALUE
from dipole.data.names import LABELS
from dipole.data.plans import Parsed, Plan
from dipole.data.reading import Reading, Resize, check_resize, pictures_of
from dipole.data.rows import Source
from dipole.data.sample import Sample
from dipole.errors import InputError

# Columns that are none of the data.
_OWN = ("id", "metadata", "source")


class Bundles(Examples):
    """(id, and two or more columns of any names): what stands in a row belongs together.

    >>> bundles = Bundles.from_columns({"text": ["a"], "title": ["b"], "code": ["c"]})
    >>> list(bundles.FIELDS), bundles[0]["title"]
    (['text', 'title', 'code'], 'b')
    """

    FIELDS: ClassVar[dict[str, str]] = {}

    def __init__(self, table: Any, **about: Any) -> None:
        super().__init__(table, **about)
        self.FIELDS = {n: VALUE for n in table.column_names if n not in _OWN}  # type: ignore[misc]

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any], **about: Any) -> Self:
        """Examples from lists or arrays of images, one entry per modality."""
        wrong = [name for name in columns if name in _OWN]
        if len(columns) < 2 or wrong:
            found = f"a column {wrong[0]!r}" if wrong else f"{len(columns)} columns"
            raise InputError(f"Bundles: found {found}; expected two or more, of other names")

        class Named(Examples):
            FIELDS: ClassVar[dict[str, str]] = dict.fromkeys(columns, VALUE)

        made = Named.from_columns(columns, **about)
        return cls(made.table, origin=made.origin)


def plan_bundles(
    source: Source,
    sample: Sample,
    first: str | None = None,
    others: Sequence[str] = (),
    resize: Resize = None,
) -> Plan:
    """The columns named, or all of texts and images (no classes), `first` before the others."""
    named = [("--anchor", first), *(("--positive", name) for name in others)]
    check_named(source, sample, named)
    columns = list(others) or [name for name in sample.texts([first]) if name.lower() not in LABELS]
    columns = columns if first is None else [first, *columns]
    if len(columns) < 2:
        raise ColumnsError(
            f"{source.name}: found {len(columns)} column of texts or images among {sample}; "
            "expected two or more that belong together (--anchor A --positive B,C)"
        )
    reads = {name: Reading.of(sample, name, source=source, resize=resize) for name in columns}
    check_resize(source, resize, *reads.values())

    def parse(row: dict[str, Any]) -> Parsed:
        return [{name: read.one(row) for name, read in reads.items()}]

    return Plan(
        Bundles,
        parse,
        ", ".join(read.quoted for read in reads.values()),
        id_column(sample),
        kinds={name: read.kind for name, read in reads.items()},
        columns={name: name for name in columns},
        images=pictures_of(**reads),
    )
