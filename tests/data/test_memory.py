"""Tables in memory are read by the rules of files, whatever holds them."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dipole.data import (
    Inputs,
    Labeled,
    Pairs,
    Triplets,
    load_inputs,
    load_labeled,
    load_pairs,
    load_ranked,
    load_retrieval,
    load_scored,
)
from dipole.data.columns import ColumnsError
from dipole.errors import InputError

QUESTIONS, ANSWERS = ["how do I pay", "where are you"], ["by card", "in Ghent"]
COLUMNS = {"question": QUESTIONS, "answer": ANSWERS, "qid": [7, 9]}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
Row = namedtuple("Row", "question answer")

TABLES = [
    COLUMNS,
    ROWS,
    [Row("how do I pay", "by card"), Row("where are you", "in Ghent")],
    pd.DataFrame(COLUMNS, index=[5, 3]),
    pl.DataFrame(COLUMNS),
    pa.table(COLUMNS),
    pa.RecordBatch.from_pydict(COLUMNS),
    datasets.Dataset.from_dict(COLUMNS),
    {name: np.array(values) for name, values in COLUMNS.items()},
    {name: pd.Series(values, index=[1, 0]) for name, values in COLUMNS.items()},
    np.array([("how do I pay", "by card"), ("where are you", "in Ghent")],
             [("question", "U20"), ("answer", "U20")]),
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table).__name__)
def test_every_table_gives_the_pairs_of_the_file(table: Any, write: Any) -> None:
    pairs = load_pairs(table)
    assert list(pairs.column("anchor")) == QUESTIONS
    assert list(pairs.column("positive")) == ANSWERS
    assert pairs.ids == ["0", "1"]
    assert pairs.columns == load_pairs(write("rows.jsonl", ROWS)).columns
    swapped = load_pairs(table, anchor="answer", positive="question")
    assert list(swapped.column("anchor")) == ANSWERS


def test_tuples_and_lists_have_columns_by_number() -> None:
    rows = list(zip(QUESTIONS, ANSWERS, strict=True))
    assert load_pairs(rows)[1] == load_pairs([list(row) for row in rows])[1]
    assert load_pairs(rows, anchor="2", positive="1")[0]["anchor"] == "by card"
    scored = load_scored([(0.5, "a b", "c d"), (1.0, "e", "f")], score="1")
    assert list(scored.column("score")) == [0.5, 1.0]


def test_inputs_alone_are_texts_or_arrays() -> None:
    assert list(load_inputs(QUESTIONS).column("input")) == QUESTIONS
    assert list(load_inputs(pd.Series(QUESTIONS)).column("input")) == QUESTIONS
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    for given in (array, list(array), array.tolist()):
        found = load_inputs(given)
        assert type(found) is Inputs
        np.testing.assert_array_equal(np.stack(list(found.column("input"))), array)


def test_a_dict_of_datasets_has_splits() -> None:
    parts = datasets.DatasetDict(
        train=datasets.Dataset.from_list(ROWS), test=datasets.Dataset.from_list(ROWS[:1])
    )
    assert len(load_pairs(parts)) == 2
    assert len(load_pairs(parts, split="test")) == 1
    assert len(load_pairs(parts, split="all")) == 3
    assert len(load_retrieval(parts).queries) == 1
    with pytest.raises(InputError, match=r"^DatasetDict: no split 'dev'; splits found: train, "):
        load_pairs(parts, split="dev")
    with pytest.raises(InputError, match="found split='dev' for a table, which has no splits"):
        load_pairs(ROWS, split="dev")


def test_ids_negatives_labels_and_lists() -> None:
    frame = pd.DataFrame(
        {"id": ["x", "y"], "anchor": QUESTIONS, "positive": ANSWERS, "negative": ["no", None]}
    )
    triplets = load_pairs(frame)
    assert isinstance(triplets, Triplets)
    assert triplets.ids == ["x", "y"]
    assert list(triplets.column("negatives")) == [["no"], []]
    labelled = load_labeled({"text": QUESTIONS, "label": np.array([3, 5], np.uint8)})
    assert list(labelled.column("label")) == [3, 5]
    lists = load_ranked([{"query": "q", "pos": ["a", "b"], "neg": []}])
    assert lists[0]["relevance"] == [1.0, 1.0]


def test_examples_are_given_back_as_they_are() -> None:
    pairs = Pairs.from_columns({"anchor": QUESTIONS, "positive": ANSWERS})
    assert load_pairs(pairs) is pairs
    assert len(load_retrieval(pairs).corpus) == 2
    with pytest.raises(InputError, match=r"^data: found Pairs\(2 .*; expected Labeled$"):
        load_labeled(pairs)
    with pytest.raises(InputError, match="found anchor='x' for data whose columns are known"):
        load_pairs(pairs, anchor="x")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"question": ["a", None], "answer": ["b", "c"]}, index=[8, 9]),
         r"DataFrame \(2 columns\), index 1: column 'question': found null; expected text"),
        (pl.DataFrame({"question": ["a", ""], "answer": ["b", "c"]}),
         r"DataFrame \(2 columns\), index 1: column 'question': found empty text"),
        ([("a", "b"), ("c",)], r"list \(2 rows\), index 1: found a tuple of 1; expected a tuple of "
         "2, as the first"),
        ([{"question": "a", "answer": "b"}, 3], "index 1: found an int; expected a dict, as the "),
        ([{"question": "a", "answer": "b"}, {"question": "c"}], "index 1: no column 'answer'"),
        ({"id": ["x", "x"], **COLUMNS}, "index 1: found the id 'x' of index 0 again"),
        ({"a": QUESTIONS, "b": ANSWERS[:1]}, r"found columns of different length \(a 2, b 1\)"),
        (pd.DataFrame([["a", "b"]], columns=["q", "q"]), "found the column 'q' twice"),
        ({"a": QUESTIONS, "b": 3}, r"dict \(2 columns\): column 'b': found an int"),
        ([], r"list \(0 rows\): found no rows"),
        ({}, r"dict \(0 columns\): found no columns"),
        (pd.DataFrame(), r"DataFrame \(0 columns\): found no columns"),
        (pl.DataFrame({"a": ["b"]}).lazy(), r"expected its result, as data.collect\(\)"),
        (3, "data: found an int; expected a path, a name, examples"),
        (b"rows", "data: found bytes"),
        ({"a", "b"}, "data: found a set"),
        (object(), "data: found an object"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(table: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_pairs(table)


def test_bad_rows_are_left_out_if_asked() -> None:
    pairs = load_pairs([("a", "b"), ("c", None), ("d", "e")], on_bad_row="skip")
    assert list(pairs.column("anchor")) == ["a", "d"]
    assert pairs.skipped.count == 1
    assert pairs.skipped.messages[0].startswith("list (3 rows), index 1: column '2'")


def test_open_columns_are_named_as_of_a_file() -> None:
    with pytest.raises(ColumnsError, match=r"DataFrame \(3 columns\): found 3 text columns"):
        load_pairs(pd.DataFrame({"x": ["a b"], "y": ["c d"], "z": ["e f"]}))
    with pytest.raises(InputError, match=r"no column 'qestion' .*; did you mean 'question'"):
        load_pairs(COLUMNS, anchor="qestion")


def test_nothing_is_written_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dipole.data.cache.MEMORY", 10)
    load_pairs(COLUMNS)
    assert not (tmp_path / "cache").exists()


VALUES = [
    None, float("nan"), float("inf"), 3, 2.5, True, "", "a b", "\ud800", b"bytes", object(), [],
    [1, 2], [1.5, None], [[1], [2, 3]], ["a", 1], {"text": "x"}, {}, np.float32(3), np.ones(3),
    np.ones((2, 2), np.uint8), np.array([1, np.nan]), np.array(["a"]), np.array([object()]),
    np.ones(0), np.array(3), pd.NA, pd.NaT, 2**70, [2**70], [1e400], (1, 2), range(3), {1},
    np.ones(2, complex), np.datetime64("2020-01-01"), [np.ones(2), np.ones(3)], type, 1j,
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(VALUES)))  # ids without addresses
def test_odd_values_are_read_or_refused_in_one_line(place: int) -> None:
    """Whatever a column holds: examples, or an InputError, and never an error of Arrow or numpy."""
    odd = VALUES[place]
    for values in ([odd, odd], ["text", odd], [np.ones(3), odd], [odd, [1, 2]]):
        for make in (
            lambda v: load_pairs({"anchor": v, "positive": ["x y", "z"]}),
            lambda v: load_pairs([{"anchor": "x y", "positive": one} for one in v]),
            lambda v: load_pairs({"anchor": ["a", "b"], "positive": ["x", "y"], "negative": v}),
            lambda v: load_labeled({"text": v, "label": [0, 1]}),
            lambda v: load_labeled({"text": ["x y", "z"], "label": v}),
            lambda v: load_scored({"first": v, "second": ["x", "y"], "score": [0, 1]}),
            lambda v: load_scored({"first": ["a", "b"], "second": ["x", "y"], "score": v}),
            lambda v: load_ranked({"query": ["a", "b"], "candidates": v, "relevance": [[1], [0]]}),
            lambda v: load_ranked({"query": ["a", "b"], "candidates": [["x"], ["y"]],
                                   "relevance": v}),
            lambda v: load_inputs(v),
            lambda v: Pairs.from_columns({"anchor": v, "positive": ["x", "y"]}),
            lambda v: Triplets.from_columns({"anchor": ["a", "b"], "positive": ["x", "y"],
                                             "negatives": v}),
            lambda v: Labeled.from_columns({"input": v, "label": [0, 1]}),
            lambda v: Labeled.from_columns({"input": ["a", "b"], "label": v}),
            lambda v: Inputs.from_columns({"input": v}, metadata=[{"x": one} for one in v]),
        ):  # fmt: skip
            try:
                examples = make(values)
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017
                assert "pyarrow" not in str(error)  # noqa: PT017
            else:
                assert len(examples.take(range(len(examples)))["id"]) == len(examples)
                for field in examples.FIELDS:
                    examples.keys(field)
