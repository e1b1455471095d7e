"""Data from a function of one's own, by `file.py:function` or `module:function`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dipole.data import Labeled, Pairs, load_labeled, load_pairs, load_retrieval, load_scored
from dipole.data.functions import in_study
from dipole.data.parted import has_splits
from dipole.errors import InputError

CODE = """
from dipole.data import Pairs, RetrievalData

class Mine(Pairs):
    pass

def examples():
    return Mine.from_columns({"anchor": ["a", "b"], "positive": ["c", "d"]})

def table(split="train"):
    return [{"question": f"{split} a", "answer": "b"}, {"question": "c", "answer": "d"}]

def quick(part, quick):
    return {"anchor": [part, "b"] + [] * quick, "positive": ["c", str(quick)]}

def folded(split, quick=False, fold=7):
    return [{"question": f"{split} {quick} {fold}", "answer": "b"}]

def graded():
    return [("a b", "c d", 0.5), ("e", "f", 1.0)]

def retrieval():
    return RetrievalData({"d": "a document"}, {"q": "a query"}, {"q": {"d": 1}})

def wants(n):
    return n

def nothing():
    pass

def number():
    return 3

def broken():
    return [1][2]

def bad():
    return [{"question": "a", "answer": "b"}, {"question": "", "answer": "d"}]

NUMBER = 3
"""


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("dipole.lookup._given", {})
    Path("my_rows.py").write_text(CODE)
    yield
    sys.modules.pop("my_rows", None)


def test_examples_of_a_class_of_ones_own() -> None:
    found = load_pairs("my_rows.py:examples")
    assert type(found).__name__ == "Mine"
    assert found.origin == "my_rows.py:examples"
    assert len(load_retrieval("my_rows.py:examples").queries) == 2
    with pytest.raises(InputError, match=r"found Mine\(2 examples from .*; expected Labeled"):
        load_labeled("my_rows.py:examples")


def test_a_table_is_read_by_the_rules_of_files() -> None:
    found = load_pairs("my_rows.py:table", split="test")
    assert found[0]["anchor"] == "test a"
    assert found.origin == "my_rows.py:table: anchor 'question', positive 'answer'"
    assert load_pairs("my_rows:table", anchor="answer", positive="question")[0]["anchor"] == "b"
    assert load_pairs("my_rows.py:quick")[1]["positive"] == "False"
    assert load_scored("my_rows.py:graded", split="train")[0]["score"] == 0.5
    assert load_retrieval("my_rows.py:retrieval").queries == {"q": "a query"}


def test_splits_are_those_the_function_takes() -> None:
    assert has_splits("my_rows.py:table")
    assert not has_splits("my_rows.py:examples")
    with pytest.raises(InputError, match="found split='dev' for a function, which has no splits"):
        load_pairs("my_rows.py:examples", split="dev")


def test_a_study_asks_what_a_training_calls_by_itself() -> None:
    with in_study(quick=True, fold=3):
        assert load_pairs("my_rows.py:folded")[0]["anchor"] == "train True 3"
        assert load_pairs("my_rows.py:table")[0]["anchor"] == "train a"
    assert load_pairs("my_rows.py:folded")[0]["anchor"] == "train False 7"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("my_rows.py:exmples", "^data: found 'my_rows.py:exmples'; .* did you mean 'examples'"),
        ("nowhere.py:rows", "^data: found 'nowhere.py:rows'; no such file"),
        ("my_rows.py:NUMBER", "^data: found a int at 'my_rows.py:NUMBER'; expected a function"),
        ("my_rows.py:wants", "which takes 'n'; expected a function of nothing, of .split. or"),
        ("my_rows.py:nothing", "^my_rows.py:nothing: gave None; expected examples"),
        ("my_rows.py:number", "^my_rows.py:number: found an int; expected"),
        ("my_rows.py:broken", r"^my_rows.py:broken: my_rows.py, line \d+: IndexError: list index"),
        ("my_rows.py:bad", "^my_rows.py:bad, index 1: column 'question': found empty text"),
    ],
)
def test_what_goes_wrong_is_one_line(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_pairs(source)


def test_an_installed_package_gives_data_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("their-rows", "my_rows:table", "dipole.data")
    sys.path.append(".")
    monkeypatch.setattr(
        "dipole.lookup.entry_points", lambda group: [point] if group == "dipole.data" else []
    )
    found = load_pairs("their-rows")
    assert isinstance(found, Pairs)
    assert not isinstance(found, Labeled)
    assert found[1]["anchor"] == "c"
