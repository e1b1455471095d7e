from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dipole.data import read_qrels, read_run, write_qrels, write_run
from dipole.errors import InputError

Write = Callable[..., Path]

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=6)
scores = st.floats(allow_nan=False, allow_infinity=False)
anew = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)


@anew
@given(st.dictionaries(words, st.dictionaries(words, scores, min_size=1), min_size=1))
def test_a_run_reads_back_exactly(tmp_path: Path, run: dict[str, dict[str, float]]) -> None:
    write_run(tmp_path / "run", run)
    assert read_run(tmp_path / "run") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@anew
@given(st.dictionaries(words, st.dictionaries(words, st.integers(-1, 4), min_size=1), min_size=1))
def test_qrels_read_back_exactly(tmp_path: Path, qrels: dict[str, dict[str, int]]) -> None:
    write_qrels(tmp_path / "qrels", qrels)
    assert read_qrels(tmp_path / "qrels") == qrels


def test_a_run_is_written_best_first_from_rank_1(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"q": {"b": 0.5, "c": 2, "a": 0.5}}, tag="me")
    assert (tmp_path / "run").read_text() == ("q Q0 c 1 2.0 me\nq Q0 a 2 0.5 me\nq Q0 b 3 0.5 me\n")


def test_beirs_form_of_qrels(write: Write) -> None:
    path = write("q.tsv", "query-id\tcorpus-id\tscore\nq 1\td1\t2\nq 1\td2\t0\n")
    assert read_qrels(path) == {"q 1": {"d1": 2, "d2": 0}}
    assert read_qrels(write("q.tsv", "q1\td1\t2\n")) == {"q1": {"d1": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 d\nq 0 d 1\n", "row 1: found 3 fields; expected 'query 0 document relevance'"),
        ("q 0\n", "row 1: found 2 fields; expected 'query 0 document relevance'"),
        ("q 0 d 1\nq 0 e high\n", "row 2: column 'relevance': found 'high'; expected a number"),
        ("q 0 d 0.5\n", "row 1: found the relevance 0.5; expected a whole number"),
        ("q 0 d 1\nq 0 d 2\n", "row 2: found query 'q' with document 'd' again"),
        ("", "found no judgements"),
        (b"q 0 \xff 1\n", "row 1: found the byte 0xff at position 5; expected UTF-8"),
    ],
)
def test_wrong_qrels(write: Write, text: str, message: str) -> None:
    path = write("qrels", text)
    with pytest.raises(InputError, match=message) as caught:
        read_qrels(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 d 1 0.5\n", "row 1: found 5 fields; expected 'query Q0 document rank score tag'"),
        ("q Q0 d 1 nan t\n", "row 1: column 'score': found nan; expected a finite number"),
        ("q Q0 d 1 2 t\nq Q0 d 2 1 t\n", "row 2: found query 'q' with document 'd' again"),
        ("\n", "found no results"),
    ],
)
def test_wrong_runs(write: Write, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_run(write("run", text))


def test_bad_rows_can_be_skipped_and_files_can_be_missing(write: Write, tmp_path: Path) -> None:
    path = write("run", "q Q0 d 1 x t\nq Q0 e 2 0.1 t\n")
    assert read_run(path, on_bad_row="skip") == {"q": {"e": 0.1}}
    with pytest.raises(InputError, match="none: no such file"):
        read_run(tmp_path / "none")


def test_an_id_with_a_blank_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "run"
    write_run(path, {"q": {"d": 1.0}})
    before = path.read_text()
    with pytest.raises(InputError, match="id 'a b': TREC files cannot hold blanks"):
        write_run(path, {"q": {"d": 1.0, "a b": 0.5}})
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
