"""A corpus as documents: files, BEIR folders, and whatever else the data room reads."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from dipole.data import RetrievalData, Texts, load_retrieval
from dipole.data.columns import Parsed, Plan, get
from dipole.data.converting import OnBadRow, convert
from dipole.data.hub import is_datasets_folder, parts_from_folder, parts_from_hub, rows_source
from dipole.data.named import NAMED, locate
from dipole.data.readers import file_source
from dipole.data.rows import Source, is_number, join_title, text_of
from dipole.errors import InputError
from dipole.retrieval.documents import Document

# The first of these that a file has is its text, or its id.
TEXTS = ("text", "body", "content", "contents", "document", "passage", "positive", "code")
IDS = ("id", "_id", "doc_id", "docid", "document_id")


class Corpus(Iterable[Document]):
    """Documents read where they are touched; every pass begins anew.

    `origin` says where they came from and which columns were taken, `columns` the latter by field,
    `skipped` what was left out.
    """

    def __init__(self, data: Texts | RetrievalData) -> None:
        self._data = data
        self.origin = data.origin
        self.skipped = data.skipped
        self.columns = data.columns if isinstance(data, Texts) else {}

    def __len__(self) -> int:
        return len(self._data) if isinstance(self._data, Texts) else len(self._data.corpus)

    @property
    def texts(self) -> Sequence[str]:
        """The texts alone, read where they are touched."""
        if isinstance(self._data, Texts):
            return self._data.column("text")
        return list(self._data.corpus.values())

    def __iter__(self) -> Iterator[Document]:
        if isinstance(self._data, Texts):
            for batch in self._data.table.to_batches(max_chunksize=1024):
                for row in batch.to_pylist():
                    known = json.loads(row["metadata"]) if row.get("metadata") else {}
                    yield Document(row["id"], row["text"], known)
        else:
            for identity, text in self._data.corpus.items():
                yield Document(identity, text, self._data.metadata.get(identity, {}))


def read_corpus(
    source: str | Path,
    text: str | None = None,
    id: str | None = None,
    on_bad_row: OnBadRow = "error",
) -> Corpus:
    """The documents of a corpus; every row is checked before the first is given out.

    Args:
        source: a file (jsonl, csv, tsv, parquet), a folder with `corpus.jsonl` (BEIR), a folder or
            hub id of `datasets`, or a name: `stdlib-code` is all code of Python's own library.
        text: the column of the text (numbers from 1 for a table without a header line); not given,
            `text` after `title` where both are there, `body`, `content`, `document`, `passage`,
            `code`, or the first column with text in it.
        id: the column of the ids; not given, `id`, `_id`, `doc_id`, `docid`, or row numbers.
        on_bad_row: "error" stops at the first bad row, "skip" leaves them out, see `.skipped`.

    All other columns become metadata.

    Raises:
        InputError: one line that says file, row, what was found and what was expected.

    Example:
        >>> next(iter(read_corpus("notes.csv")))  # a header line: id,text,author
        Document(id='1', text='how to tie a knot', metadata={'author': 'Ann'})
    """
    place = locate(source)
    if isinstance(place, Path) and place.is_dir():
        files = [place / name for name in ("corpus.jsonl", "corpus.jsonl.gz")]
        place = next((file for file in files if file.is_file()), place)
    if isinstance(place, Path) and place.is_file():
        rows = file_source(place, [text, id])
    elif isinstance(place, Path) and is_datasets_folder(place):
        rows = rows_source(str(place), parts_from_folder(place, "all"))
    elif isinstance(place, str) and place not in NAMED:
        rows = rows_source(place, parts_from_hub(place, "all"))
    elif text is not None or id is not None:
        raise InputError(f"{source}: no file; --text and --id name the columns of one")
    else:
        return Corpus(load_retrieval(place, split="all", on_bad_row=on_bad_row))

    def plan(source: Source, row: dict[str, Any]) -> Plan:
        return _plan(source, row, text, id)

    return Corpus(cast(Texts, convert(rows, plan, on_bad_row)))


def _plan(source: Source, row: dict[str, Any], text: str | None, id: str | None) -> Plan:
    for option, column in (("--text", text), ("--id", id)):
        if column is not None and column not in row and source.same_columns:
            raise InputError(
                f"{source.name}: no column '{column}' ({option}); "
                f"columns found: {', '.join(map(str, row))}"
            )
    body = text or _text_column(source, row)
    identity = id or next((name for name in IDS if name in row and name != body), None)
    titled = text is None and body == "text" and "title" in row

    def parse(values: dict[str, Any]) -> Parsed:
        found = get(values, body)
        whole = text_of(join_title(values.get("title"), found) if titled else found, body)
        rest = {name: value for name, value in values.items() if name not in (body, identity)}
        return [{"text": whole, "metadata": _metadata(rest)}]

    taken = f"text '{body}'{' after title' if titled else ''}, "
    taken += f"id '{identity}'" if identity else "ids are row numbers"
    columns = {"text": body} | ({"id": identity} if identity else {})
    return Plan(Texts, parse, taken, identity, metadata=True, columns=columns)


def _text_column(source: Source, row: dict[str, Any]) -> str:
    for name in TEXTS:
        if name in row:
            return name
    for name, value in row.items():
        if isinstance(value, str) and name not in IDS and value.strip() and not is_number(value):
            return str(name)
    raise InputError(
        f"{source.name}: found no column with text among {', '.join(map(str, row))}; "
        "expected one (or name it: --text)"
    )


def _metadata(rest: dict[str, Any]) -> str | None:
    """Columns as json, without those that are empty; BEIR's object `metadata` as its parts."""
    if isinstance(rest.get("metadata"), Mapping):
        rest = {**rest["metadata"], **{n: v for n, v in rest.items() if n != "metadata"}}
    plain = {str(name): _json(value) for name, value in rest.items()}
    kept = {name: value for name, value in plain.items() if value not in ("", None)}
    return json.dumps(kept) if kept else None


def _json(value: Any) -> Any:
    """A value as json has it: no NaN, and a date as it prints."""
    if isinstance(value, Mapping):
        return {str(name): _json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_json(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
