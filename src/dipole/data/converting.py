"""From rows to typed examples: validated one by one, batched, kept in memory or in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, NoReturn

import numpy as np

from dipole.data.cache import digest, read_entry, store
from dipole.data.examples import Examples, Skipped
from dipole.data.fields import arrow, arrow_type, as_stored
from dipole.data.plans import Plan, get
from dipole.data.rows import Bad, BadValueError, Row, Source, is_whole, shown, text_of
from dipole.data.same import exact_key
from dipole.data.sample import CHARACTERS, ROWS, Sample
from dipole.errors import InputError

OnBadRow = Literal["error", "skip"]
# A batch is written when it has this many rows or characters.
_ROWS = 4096
_CHARACTERS = 2**21
_MESSAGES = 20
_VERSION = "4"  # of what is in the cache
_RECENT = 2**17  # ids held in a dictionary before they are sorted away


class SeenIds:
    """Which ids came before, 16 bytes an id: sorted runs of hashes, each twice the next."""

    def __init__(self) -> None:
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []
        self._recent: dict[int, int] = {}

    def first_row(self, identity: str, row: int) -> int | None:
        """The row that had this id before, or None; then it is noted for `row`."""
        key = exact_key(identity)
        if key in self._recent:
            return self._recent[key]
        for keys, rows in self._runs:
            place = int(np.searchsorted(keys, np.uint64(key)))
            if place < len(keys) and int(keys[place]) == key:
                return int(rows[place])
        self._recent[key] = row
        if len(self._recent) >= _RECENT:
            self._merge()
        return None

    def _merge(self) -> None:
        keys = np.fromiter(self._recent.keys(), np.uint64, len(self._recent))
        rows = np.fromiter(self._recent.values(), np.int64, len(self._recent))
        self._recent = {}
        while self._runs and len(self._runs[-1][0]) <= len(keys):
            more_keys, more_rows = self._runs.pop()
            keys, rows = np.concatenate((keys, more_keys)), np.concatenate((rows, more_rows))
        order = np.argsort(keys, kind="stable")
        self._runs.append((keys[order], rows[order]))


class BadRows:
    """Raises at a bad row of a file, or counts it and keeps the first messages."""

    def __init__(self, name: str, on_bad_row: OnBadRow, row: str = "row") -> None:
        if on_bad_row not in ("error", "skip"):
            raise InputError(f"on_bad_row: found {on_bad_row!r}; expected 'error' or 'skip'")
        self._name, self.row = name, row
        self._skip = on_bad_row == "skip"
        self.count = 0
        self.messages: list[str] = []

    def __call__(self, place: int | str, message: str) -> None:
        """A bad row by its number, or a bad file by its name."""
        row = f", {self.row} {place}" if isinstance(place, int) else f": {place}"
        line = f"{self._name}{row}: {message}"
        if not self._skip:
            raise InputError(line)
        self.count += 1
        if len(self.messages) < _MESSAGES:
            self.messages.append(line)

    def merge(self, other: BadRows) -> None:
        """Count the bad rows of another file, too."""
        self.count += other.count
        self.messages = [*self.messages, *other.messages][:_MESSAGES]

    @property
    def skipped(self) -> Skipped:
        return Skipped(self.count, tuple(self.messages))


def convert(
    source: Source,
    make_plan: Callable[[Source, Sample], Plan],
    on_bad_row: OnBadRow,
) -> Examples:
    """Examples of a source, all of them checked; from the cache if they were converted before."""
    bad_row = BadRows(source.name, on_bad_row, source.row)
    rows = source.rows()
    head = _head(rows, bad_row)
    sample = Sample([row for _, row in head if not isinstance(row, Bad)])
    if not sample.rows:
        _no_rows(source, bad_row)
    plan = make_plan(source, sample)
    what, state = source.state()
    settings = (plan.kind.__name__, plan.taken, on_bad_row, _VERSION)
    name = "-".join([digest(what), digest(state), digest(*settings)])
    entry = read_entry(name) if source.is_kept else None
    if entry is not None:
        table, about = entry
        skipped = Skipped(about["skipped"], tuple(about["messages"]))
        table = _whole_numbers(table, about["whole"])
        return _examples(source, plan, table, skipped, about.get("images", {}))
    pa = arrow()
    kinds = plan.kinds or plan.kind.FIELDS
    schema = pa.schema([("id", pa.string()), *((n, arrow_type(kind)) for n, kind in kinds.items())])
    if plan.metadata:
        schema = schema.append(pa.field("metadata", pa.string()))
    whole = {"label"} & kinds.keys()  # fields of which no value so far was anything else
    batches = _batches(_unchanged(source, state, chain(head, rows)), plan, schema, bad_row, whole)
    if source.is_kept:
        table = store(
            name,
            batches,
            schema,
            lambda: {
                "skipped": bad_row.count,
                "messages": bad_row.messages,
                "whole": sorted(whole),
                "images": _images(source, plan),
            },
        )
    else:  # the rows are in memory already
        table = pa.Table.from_batches(list(batches), schema).combine_chunks()
    if table.num_rows == 0:
        _no_rows(source, bad_row)
    table = _whole_numbers(table, sorted(whole))
    return _examples(source, plan, table, bad_row.skipped, _images(source, plan))


def _images(source: Source, plan: Plan) -> dict[str, dict[str, Any]]:
    """How the images of each field that has some are read."""
    return {field: pictures.about(source.name) for field, pictures in plan.images.items()}


def _examples(
    source: Source,
    plan: Plan,
    table: Any,
    skipped: Skipped,
    images: Mapping[str, Mapping[str, Any]],
) -> Examples:
    notes = [note for about in images.values() for note in about["notes"]]
    if images:
        from dipole.data.image_type import as_images

        table = as_images(table, images)
    origin = _origin(source, plan) + (f" ({'; '.join(notes)})" if notes else "")
    return plan.kind(table, origin=origin, skipped=skipped, columns=plan.columns)


def _head(rows: Iterator[Row], bad_row: BadRows) -> list[Row]:
    """The first rows from the first usable one on; bad ones before it are counted."""
    head: list[Row] = []
    characters = 0
    for number, row in rows:
        if isinstance(row, Bad) and not head:
            bad_row(number, row.message)
            continue
        head.append((number, row))
        characters += 0 if isinstance(row, Bad) else sum(map(_size, row.values()))
        if len(head) >= ROWS or characters >= CHARACTERS:
            break
    return head


def _whole_numbers(table: Any, fields: Sequence[str]) -> Any:
    """Classes that are all written as whole numbers, as such: 12 and 0012 stay two classes."""
    for field in fields:
        place = table.schema.get_field_index(field)
        table = table.set_column(place, field, table.column(field).cast(arrow().int64()))
    return table


def _no_rows(source: Source, bad_row: BadRows) -> NoReturn:
    if bad_row.count:
        raise InputError(
            f"{source.name}: found no usable row, {bad_row.count} bad ones; the first: "
            f"{bad_row.messages[0]}"
        )
    raise InputError(f"{source.name}: found no rows; expected at least one")


def _origin(source: Source, plan: Plan) -> str:
    notes = f" ({'; '.join(source.notes)})" if source.notes else ""
    return f"{source.name}{notes}: {plan.taken}"


def _unchanged(source: Source, state: str, rows: Iterator[Row]) -> Iterator[Row]:
    yield from rows
    if source.state()[1] != state:
        raise InputError(f"{source.name}: changed while it was being read; try again")


def _batches(
    rows: Iterator[Row], plan: Plan, schema: Any, bad_row: BadRows, whole: set[str]
) -> Iterator[Any]:
    """Record batches of the usable rows; ids are the file's own or the numbers of the rows.

    A field leaves `whole` when one of its texts is not a whole number.
    """
    pa = arrow()
    seen = SeenIds()
    batch: list[dict[str, Any]] = []
    characters = 0
    for number, row in rows:
        if isinstance(row, Bad):
            bad_row(number, row.message)
            continue
        try:
            examples = plan.parse(row)
            identity = str(number) if plan.id is None else _id_of(row, plan.id)
            first = None if plan.id is None else seen.first_row(identity, number)
            if first is not None:
                raise BadValueError(
                    f"found the id {shown(identity)} of {bad_row.row} {first} again; "
                    "expected every id once"
                )
        except BadValueError as error:
            bad_row(number, str(error))
            continue
        for part, example in enumerate(examples, start=1):
            # A row with several positives becomes several examples: 17-1, 17-2, ...
            example["id"] = identity if len(examples) == 1 else f"{identity}-{part}"
            whole -= {field for field in whole if not is_whole(example[field])}
            characters += sum(map(_size, example.values()))
            batch.append({field: as_stored(value) for field, value in example.items()})
        if len(batch) >= _ROWS or characters >= _CHARACTERS:
            yield pa.RecordBatch.from_pylist(batch, schema)
            batch, characters = [], 0
    if batch:
        yield pa.RecordBatch.from_pylist(batch, schema)


def _id_of(row: dict[str, Any], column: str) -> str:
    value = get(row, column)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise BadValueError(f"column '{column}': found {shown(value)}; expected an id")
    return text_of(str(value), column)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (bytes, list, dict)):
        parts = value.values() if isinstance(value, dict) else value
        return len(value) if isinstance(value, bytes) else sum(map(_size, parts))
    return 8
