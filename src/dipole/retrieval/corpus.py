"""A corpus as documents: files, BEIR folders, and whatever else the data room reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from dipole.data import RetrievalData, Texts, load_retrieval
from dipole.data.columns import check_named, choose_text, texts_and_body
from dipole.data.converting import OnBadRow, convert
from dipole.data.fields import kind_of
from dipole.data.hub import folder_source, is_datasets_folder, parts_from_hub, rows_source
from dipole.data.memory import Held, in_memory, table_source
from dipole.data.named import NAMED, locate
from dipole.data.names import DOCUMENTS, find
from dipole.data.plans import Parsed, Plan
from dipole.data.readers import file_source
from dipole.data.reading import Reading, no_images
from dipole.data.refusals import no_columns
from dipole.data.rows import Source
from dipole.data.sample import IMAGES, Sample
from dipole.data.values import metadata_json
from dipole.errors import InputError
from dipole.retrieval.documents import Document

# The first of these that a file has is its text, or its id.
TEXTS = (*DOCUMENTS, "positive", "code", "answer")
IDS = (
    "id", "_id", "doc_id", "docid", "document_id", "corpus_id", "corpus-id", "passage_id", "pid",
)  # fmt: skip


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
    def texts(self) -> Sequence[Any]:
        """The texts (or arrays) alone, read where they are touched."""
        if isinstance(self._data, Texts):
            return self._data.column("text")
        return list(self._data.corpus.values())

    def __iter__(self) -> Iterator[Document]:
        if isinstance(self._data, Texts):
            data = self._data
            for start in range(0, len(data), 1024):
                rows = range(start, min(start + 1024, len(data)))
                taken, known = data.take(rows), data.column("metadata").take(np.array(rows))
                for identity, text, said in zip(taken["id"], taken["text"], known, strict=True):
                    yield Document(identity, text, json.loads(said) if said else {})
        else:
            for identity, text in self._data.corpus.items():
                yield Document(identity, text, self._data.metadata.get(identity, {}))


def read_corpus(
    source: Any,
    text: str | None = None,
    id: str | None = None,
    on_bad_row: OnBadRow = "error",
) -> Corpus:
    """The documents of a corpus; every row is checked before the first is given out.

    Args:
        source: a file (jsonl, csv, tsv, parquet), a folder with `corpus.jsonl` (BEIR), a folder or
            hub id of `datasets`, a table in memory, a function of yours (`file.py:function`), or a
            name: `stdlib-code` is all code of Python's own library.
        text: the column of the text (numbers from 1 for a table without a header line); not given,
            `text`, `body`, `content`, `document`, `passage`, ... (after `title` where there is
            one), `positive`, `code`, `answer`, or the only column of text.
        id: the column of the ids; not given, `id`, `_id`, `doc_id`, `docid`, `pid`, ..., or row
            numbers.
        on_bad_row: "error" stops at the first bad row, "skip" leaves them out, see `.skipped`.

    All other columns become metadata.

    Raises:
        InputError: one line that says file, row, what was found and what was expected.

    Example:
        >>> next(iter(read_corpus("notes.csv")))  # a header line: id,text,author
        Document(id='1', text='how to tie a knot', metadata={'author': 'Ann'})
    """

    def plan(source: Source, sample: Sample) -> Plan:
        return _plan(source, sample, text, id)

    if (held := in_memory(source, "all")) is not None:
        if isinstance(held, Held):
            return Corpus(cast(Texts, convert(table_source(held), plan, on_bad_row)))
        no_columns(held.origin or type(held).__name__, {"text": text, "id": id})
        if isinstance(held, Texts | RetrievalData):
            return Corpus(held)
        return Corpus(load_retrieval(held, split="all"))
    place = locate(source)
    if isinstance(place, Path) and place.is_dir():
        files = [place / name for name in ("corpus.jsonl", "corpus.jsonl.gz")]
        place = next((file for file in files if file.is_file()), place)
    if isinstance(place, Path) and place.is_file():
        rows = file_source(place, [text, id])
    elif isinstance(place, Path) and is_datasets_folder(place):
        rows = folder_source(place, "all", [text, id])
    elif isinstance(place, str) and place not in NAMED:
        rows = rows_source(place, parts_from_hub(place, "all"))
    elif text is not None or id is not None:
        raise InputError(f"{source}: no file; --text and --id name the columns of one")
    else:
        return Corpus(load_retrieval(place, split="all", on_bad_row=on_bad_row))
    return Corpus(cast(Texts, convert(rows, plan, on_bad_row)))


def _plan(source: Source, sample: Sample, text: str | None, id: str | None) -> Plan:
    check_named(source, sample, [("--text", text), ("--id", id)])
    body = None
    if text is None:
        texts, body = texts_and_body(sample, [id])
        texts = [name for name in texts if sample.kind(name) != IMAGES]
        text = choose_text(source, sample, texts, TEXTS, "--text")
    column = text
    identity = id or find((name for name in sample if name != column), IDS)

    no_images(source, sample, [column])
    read = Reading.of(sample, column, body)

    def parse(row: dict[str, Any]) -> Parsed:
        whole = read.one(row)
        rest = {name: value for name, value in row.items() if name not in (column, identity)}
        return [{"text": whole, "metadata": metadata_json(rest)}]

    taken = f"text {read.quoted}, "
    taken += f"id '{identity}'" if identity else "ids are row numbers"
    # A text after its title is found again as it was found here, not by its name alone.
    columns = {"text": column} if column != body else {}
    columns |= {"id": identity} if identity else {}
    kinds = {"text": kind_of(read.dtype)}
    return Plan(Texts, parse, taken, identity, metadata=True, kinds=kinds, columns=columns)
