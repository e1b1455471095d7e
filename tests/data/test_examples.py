from __future__ import annotations

import doctest
import math
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dipole.data.examples
from dipole.data import Examples, Labeled, Pairs, Scored, Triplets, content_key
from dipole.errors import InputError

TEXTS = [f"text {i} é" for i in range(23)]


def chunked(lengths: list[int]) -> Pairs:
    """Pairs over a table in chunks of these lengths (some may be empty)."""
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    batches = [
        pa.record_batch(
            {
                "id": [str(i) for i in range(a, b)],
                "anchor": TEXTS[a:b],
                "positive": [text.upper() for text in TEXTS[a:b]],
            },
            schema=pa.schema([(name, pa.string()) for name in ("id", "anchor", "positive")]),
        )
        for a, b in pairwise(bounds)
    ]
    return Pairs(pa.Table.from_batches(batches))


@settings(deadline=None)
@given(
    st.sampled_from([[23], [5, 18], [0, 7, 0, 16, 0], [1] * 23]),
    st.lists(st.integers(-23, 22), max_size=40),
)
def test_take_gives_the_rows_in_the_order_asked_however_the_table_is_cut(
    lengths: list[int], indices: list[int]
) -> None:
    batch = chunked(lengths).take(indices)
    assert list(batch) == ["id", "anchor", "positive"]
    assert batch["anchor"] == [TEXTS[i] for i in indices]
    assert batch["positive"] == [TEXTS[i].upper() for i in indices]


@settings(deadline=None)
@given(st.lists(st.integers(0, 22), max_size=30), st.data())
def test_select_of_select_is_indexing_twice(rows: list[int], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9)) if rows else []
    part = chunked([5, 18]).select(rows).select(again)
    wanted = [TEXTS[rows[i]] for i in again]
    assert part.column("anchor") == wanted
    assert [row["anchor"] for row in part] == wanted
    assert part.ids == [str(rows[i]) for i in again]
    assert part.table["anchor"].to_pylist() == wanted


def test_a_column_is_a_sequence() -> None:
    column = chunked([5, 18]).column("anchor")
    assert (len(column), column[0], column[-1]) == (23, TEXTS[0], TEXTS[-1])
    assert column[3:9:2] == TEXTS[3:9:2]
    assert np.array_equal(np.asarray(column), np.array(TEXTS))
    assert column != TEXTS[:-1]
    with pytest.raises(IndexError):
        column[23]


def test_keys_are_equal_where_content_is_and_the_same_in_another_process() -> None:
    pairs = Pairs.from_columns({"anchor": ["a", "b", "a"], "positive": ["x", "y", "z"]})
    keys = pairs.keys("anchor")
    assert keys.dtype == np.uint64
    assert keys[0] == keys[2] != keys[1]
    code = "from dipole.data import content_key; print(content_key('a'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == keys[0] == content_key("a")


def test_keys_of_lists_and_images() -> None:
    triplets = Triplets.from_columns(
        {"anchor": ["a"] * 3, "positive": ["b"] * 3, "negatives": [["c", "d"], ["cd"], ["c", "d"]]}
    )
    keys = triplets.keys("negatives")
    assert keys[0] == keys[2] != keys[1]
    images = np.zeros((3, 2, 2), np.uint8)
    images[1, 0, 0] = 1
    keys = Labeled.from_columns({"input": images, "label": [0, 1, 0]}).keys("input")
    assert keys[0] == keys[2] != keys[1]
    assert content_key(np.zeros((1, 4), np.uint8)) != content_key(np.zeros((2, 2), np.uint8))
    assert content_key(1) == content_key(np.int64(1)) != content_key("1")


def test_images_come_back_as_arrays() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
    labeled = Labeled.from_columns({"input": images, "label": ["a", "b", "a", "b", "c"]})
    batch = labeled.take([4, 0])
    assert np.array_equal(np.stack(batch["input"]), images[[4, 0]])
    assert batch["label"] == ["c", "a"]
    assert np.array_equal(np.asarray(labeled.column("input")), images)
    assert labeled.select([3]).take([])["input"] == []


def test_metadata_belongs_to_the_row() -> None:
    pairs = Pairs.from_columns(
        {"anchor": ["a", "b"], "positive": ["x", "y"]}, metadata=[{"line": 1}, {"line": 2}]
    )
    assert pairs.select([1]).metadata(0) == {"line": 2}
    assert chunked([23]).metadata(0) == {}


@pytest.mark.parametrize(
    ("columns", "ids", "message"),
    [
        ({"anchor": ["a"]}, None, "found the fields anchor; expected anchor, positive"),
        ({"anchor": ["a"], "positive": []}, None, "different length"),
        ({"anchor": ["a", "b"], "positive": ["x", "y"]}, ["1", "1"], "duplicate ids"),
        ({"anchor": ["a"], "positive": ["x"]}, [1], r"^Pairs: ids\[0\] is an int; expected text"),
        ({"anchor": "a", "positive": ["x"]}, None, "^Pairs: anchor: found one text; expected a l"),
        ({"anchor": ["a"], "positive": {"x"}}, None, "^Pairs: positive: found a set, which has no"),
        ({"anchor": ["a", None], "positive": ["x", "y"]}, None, r"^Pairs: anchor\[1\] is None; e"),
        ({"anchor": ["a"], "positive": [b"x"]}, None, r"^Pairs: positive\[0\] is bytes; expected"),
        (
            {"anchor": ["\ud83d"], "positive": ["x"]},
            None,
            r"^Pairs: anchor\[0\] has half of a ",
        ),
    ],
)
def test_from_columns_says_what_is_wrong(
    columns: dict[str, list[str]], ids: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Pairs.from_columns(columns, ids=ids)


def test_columns_of_pandas_are_read_by_position() -> None:
    frame = pd.DataFrame({"a": ["q", "r"], "b": ["x", "y"]}, index=[1, 0])
    pairs = Pairs.from_columns({"anchor": frame["a"], "positive": frame["b"]})
    assert pairs[0] == {"id": "1", "anchor": "q", "positive": "x"}
    with pytest.raises(InputError, match="Pairs: anchor: found a DataFrame; expected one of its"):
        Pairs.from_columns({"anchor": frame, "positive": frame})


@pytest.mark.parametrize(
    ("kind", "columns", "message"),
    [
        (Scored, {"first": ["a"], "second": ["b"], "score": [None]}, r"score\[0\]: found None"),
        (Scored, {"first": ["a"], "second": ["b"], "score": [math.nan]}, r"score\[0\]: found nan"),
        (
            Triplets,
            {"anchor": ["a"], "positive": ["b"], "negatives": ["c"]},
            r"negatives\[0\]: found one text; expected a list",
        ),
        (
            Triplets,
            {"anchor": ["a"], "positive": ["b"], "negatives": [["c", None]]},
            r"negatives\[0\]\[1\] is None; expected text",
        ),
        (Labeled, {"input": ["a", None], "label": [0, 1]}, r"input\[1\] is None; expected a value"),
        (
            Labeled,
            {"input": ["a", "b"], "label": [0, math.nan]},
            r"label\[1\] is nan; expected",
        ),
        (Labeled, {"input": ["a", "b"], "label": [0, "one"]}, "label: found values of different"),
    ],
)
def test_every_field_is_checked(kind: type[Examples], columns: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{kind.__name__}: {message}"):
        kind.from_columns(columns)


def test_wrong_indices_and_fields() -> None:
    scored = Scored.from_columns({"first": ["a"], "second": ["b"], "score": [0.5]})
    assert scored[0] == {"id": "1", "first": "a", "second": "b", "score": 0.5}
    with pytest.raises(InputError, match="expected one of id, first, second, score"):
        scored.column("anchor")
    with pytest.raises(InputError, match="flat list of whole numbers"):
        scored.take(np.array([[0]]))
    with pytest.raises(InputError, match="flat list of whole numbers"):
        scored.take(np.array([0.0]))
    with pytest.raises(IndexError):
        scored.take([1])


def test_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(dipole.data.examples, extraglobs={}).failed == 0
