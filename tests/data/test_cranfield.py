from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dipole.data import load_retrieval
from dipole.errors import InputError

Write = Callable[..., Path]


def test_the_collection_is_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    document = (
        "<doc>\n<docno>{}</docno>\n<title>{}</title>\n<author>x</author>\n<text>{}</text>\n</doc>"
    )
    documents = [("1", "on\nwings .", "on\nwings .\n they lift"), ("2", "", ""), ("3", "t", "flow")]
    folder = write(
        "cranfield/cran.all.1400.xml", "".join(document.format(*d) for d in documents)
    ).parent
    write(
        "cranfield/cran.qry.xml",
        "<top>\n<num> 1</num> \n<title>\nwhat lifts\n</title>\n</top>"
        "<top>\n<num> 8</num>\n<title>\nwhat\nflows\n</title></top>",
    )
    with pytest.raises(InputError, match=r"but no cranqrel\.trec\.txt"):
        load_retrieval(folder)
    write("cranfield/cranqrel.trec.txt", "1 0 1 1\n2 0 3 1\n2 0 2 0\n")
    data = load_retrieval(folder)
    assert data.corpus == {"1": "on wings . they lift", "3": "t flow"}
    assert data.queries == {"1": "what lifts", "2": "what flows"}
    # The empty document is judged: that counts, as trec_eval has it, and is said.
    assert data.qrels == {"1": {"1": 1}, "2": {"3": 1, "2": 0}}
    assert "that the corpus lacks, which count and cannot be found: 1" in data.notes[0]
    assert data.skipped.count == 1
    monkeypatch.setenv("DIPOLE_DATA", str(folder.parent))
    assert load_retrieval("cranfield").corpus == data.corpus
    write("cranfield/cranqrel.trec.txt", "9 0 1 1\n")
    with pytest.raises(InputError, match="row 1: found the unknown query '9'"):
        load_retrieval("cranfield")
