"""The Cranfield collection as TREC XML files."""

from __future__ import annotations

import re
from pathlib import Path

from dipole.data.converting import BadRows, OnBadRow
from dipole.data.examples import Skipped
from dipole.data.judgements import Judgements
from dipole.data.retrieval import RetrievalData
from dipole.data.rows import join_title
from dipole.data.splits import chosen_splits
from dipole.data.trec import read_qrels
from dipole.errors import InputError

_CORPUS, _QUERIES, _QRELS = "cran.all.1400.xml", "cran.qry.xml", "cranqrel.trec.txt"
_DOCUMENT = re.compile(
    r"<docno>\s*(.*?)\s*</docno>\s*<title>(.*?)</title>.*?<text>(.*?)</text>", re.DOTALL
)
_QUERY = re.compile(r"<title>(.*?)</title>", re.DOTALL)


def is_cranfield(folder: Path) -> bool:
    """Whether a folder holds this collection."""
    return (folder / _CORPUS).is_file()


def read_cranfield(
    folder: Path, split: str = "test", on_bad_row: OnBadRow = "error"
) -> RetrievalData:
    """Abstracts, questions and judgements; it has one split, test.

    Not well-formed XML (no root), so not read as such. Judgements count the questions through from
    1; the numbers in the file of questions have gaps. Two documents are empty and left out.
    """
    chosen_splits(split, ["test"], str(folder))
    for name in (_QUERIES, _QRELS):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: found {_CORPUS} but no {name}; expected both")
    corpus: dict[str, str] = {}
    empty: dict[str, str] = {}
    for identity, title, text in _DOCUMENT.findall((folder / _CORPUS).read_text("utf-8")):
        title, text = " ".join(title.split()), " ".join(text.split())
        if not text and not title:
            empty[identity] = f"{folder / _CORPUS}: document {identity} is empty"
            continue
        corpus[identity] = text if text.startswith(title) else str(join_title(title, text))
    found = _QUERY.findall((folder / _QUERIES).read_text("utf-8"))
    texts = {str(number): " ".join(text.split()) for number, text in enumerate(found, start=1)}
    judgements = Judgements(corpus, texts, on_bad_row, empty)
    bad_rows = BadRows(str(folder / _QRELS), on_bad_row)
    qrels = read_qrels(folder / _QRELS, bad_rows, judgements.problem)
    return RetrievalData(
        corpus=corpus,
        queries={query: texts[query] for query in qrels},
        qrels=qrels,
        origin=f"{folder}: Cranfield",
        skipped=Skipped(len(empty) + bad_rows.count, (*empty.values(), *bad_rows.messages)),
        notes=judgements.notes,
    )
