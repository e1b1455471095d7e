"""Several sets of examples as one; every row knows where it came from."""

from __future__ import annotations

from collections.abc import Sequence

from dipole.data.examples import Examples
from dipole.data.fields import arrow
from dipole.errors import InputError


def joined(parts: Sequence[Examples], names: Sequence[str]) -> Examples:
    """Examples of one type, one set after the other; `.sources` says which row is whose. Where
    some are of a class below that of others, all are of the latter.

    Ids become NAME:id. Columns are not copied.

    >>> from dipole.data import Pairs
    >>> one = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    >>> both = joined([one, one], ["x", "y"])
    >>> both.ids, both.sources.tolist()
    (['x:1', 'y:1'], ['x', 'y'])
    """
    import pyarrow.compute as pc

    pa = arrow()
    whole = next((p for p in parts if all(isinstance(x, type(p)) for x in parts)), None)
    if whole is None:
        kinds = sorted({type(part).__name__ for part in parts})
        raise InputError(f"data: found {' and '.join(kinds)}; expected examples of one kind")
    if len(set(names)) != len(names):
        raise InputError(f"data: found {', '.join(names)}; expected every source once")
    fields = ["id", *whole.FIELDS]
    if all("metadata" in part.table.column_names for part in parts):
        fields.append("metadata")
    tables = []
    for part, name in zip(parts, names, strict=True):
        table = part.table.select(fields)
        ids = pc.binary_join_element_wise(name, table.column("id"), ":")
        table = table.set_column(0, "id", ids)
        tables.append(
            table.append_column("source", pa.array([name] * len(table)).dictionary_encode())
        )
    try:
        table = pa.concat_tables(tables).unify_dictionaries()
    except pa.ArrowInvalid:
        raise InputError(
            "data: found columns of different types; expected texts or images"
        ) from None
    return type(whole)(table, origin=" + ".join(part.origin for part in parts))
