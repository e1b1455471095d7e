"""Arrays of any shape as values of examples: read, stored and given back as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from dipole.data import (
    Inputs,
    Labeled,
    Pairs,
    Ranked,
    Triplets,
    load_inputs,
    load_labeled,
    load_pairs,
    load_ranked,
    load_scored,
)
from dipole.data.arrays import as_array
from dipole.data.fingerprint import fingerprint
from dipole.errors import InputError

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(6, 4)).astype(np.float32)
SOUND = [RNG.normal(size=(n, 2)).astype(np.float32) for n in range(1, 7)]


def same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(
    ("value", "shape", "dtype"),
    [
        ([1, 2, 3], (3,), "int64"),
        ([1, 2.5], (2,), "float32"),
        ([[1.0], [2.0]], (2, 1), "float32"),
        (np.ones((2, 3), np.uint8), (2, 3), "uint8"),
        (np.ones(2, ">f8"), (2,), "float64"),
        (torch.ones(2, 2), (2, 2), "float32"),
        (torch.ones(2, dtype=torch.bfloat16, requires_grad=True), (2,), "float32"),
        (np.array([[1.0, 2.0], [3.0]], dtype=object)[:0], None, ""),
        (np.array([np.ones(2), np.ones(2)]), (2, 2), "float64"),
        (pd.Series([1.0, 2.0]), (2,), "float64"),
        (pa.array([1, 2]), (2,), "int64"),
        ([True, False], (2,), "bool"),
        ("text", None, ""),
        (3.0, None, ""),
        ([[1], [2, 3]], None, ""),
        ([1, None], None, ""),
        ([], None, ""),
    ],
)
def test_what_is_an_array(value: Any, shape: tuple[int, ...] | None, dtype: str) -> None:
    found = as_array(value)
    assert (found is None) == (shape is None)
    if found is not None:
        assert (found.shape, found.dtype.name, found.dtype.isnative) == (shape, dtype, True)


def npz(path: Path) -> Path:
    np.savez(path / "rows.npz", anchor=VECTORS, positive=-VECTORS, id=np.arange(6))
    return path / "rows.npz"


def jsonl(path: Path) -> Path:
    rows = [{"anchor": v.tolist(), "positive": (-v).tolist(), "id": i}
            for i, v in enumerate(VECTORS)]  # fmt: skip
    pd.DataFrame(rows).to_json(path / "rows.jsonl", orient="records", lines=True,
                               double_precision=15)  # fmt: skip
    return path / "rows.jsonl"


def parquet(path: Path) -> Path:
    columns = {"anchor": list(VECTORS), "positive": list(-VECTORS), "id": np.arange(6)}
    pq.write_table(pa.table(columns), path / "rows.parquet")
    return path / "rows.parquet"


@pytest.mark.parametrize("write", [npz, jsonl, parquet])
def test_vectors_of_files(write: Callable[[Path], Path], tmp_path: Path) -> None:
    pairs = load_pairs(write(tmp_path))
    assert same(list(pairs.column("anchor")), list(VECTORS))
    assert same(pairs.take([3, 1])["positive"], [-VECTORS[3], -VECTORS[1]])
    assert pairs.ids == [str(i) for i in range(6)]
    memory = load_pairs({"anchor": VECTORS, "positive": -VECTORS})
    assert fingerprint(pairs) == fingerprint(memory)  # the same rows, wherever they were


def test_shapes_that_differ_survive_a_file_larger_than_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dipole.data.cache.MEMORY", 100)
    rows = {"anchor": [a.tolist() for a in SOUND], "positive": [a[0].tolist() for a in SOUND]}
    pq.write_table(
        pa.table({"anchor": pa.array(rows["anchor"], pa.list_(pa.list_(pa.float32()))),
                  "positive": pa.array(rows["positive"], pa.list_(pa.float32()))}),
        tmp_path / "sound.parquet",
    )  # fmt: skip
    for _ in range(2):  # the second time from the cache
        pairs = load_pairs(tmp_path / "sound.parquet")
        assert same(list(pairs.column("anchor")), SOUND)
        assert same(list(pairs.column("positive")), [a[0] for a in SOUND])
        assert pairs[2]["anchor"].flags.writeable
    assert list((tmp_path / "cache").glob("*/rows.arrow"))


def test_images_of_different_sizes() -> None:
    images = [Image.fromarray(RNG.integers(0, 255, (h, 5, 3), np.uint8)) for h in (4, 6, 9)]
    found = load_labeled(pd.DataFrame({"picture": images, "label": ["a", "b", "a"]}))
    assert [image.shape for image in found.column("input")] == [(4, 5, 3), (6, 5, 3), (9, 5, 3)]
    assert all(image.dtype == np.uint8 for image in found.column("input"))
    grey = Inputs.from_columns({"input": [np.ones((2, 3), np.uint8), np.ones((4, 4), np.uint8)]})
    assert [image.shape for image in grey.column("input")] == [(2, 3), (4, 4)]


def test_negatives_and_candidates() -> None:
    one = load_pairs({"anchor": VECTORS, "positive": VECTORS, "negative": -VECTORS})
    assert isinstance(one, Triplets)
    assert same(one[2]["negatives"], [-VECTORS[2]])
    both = np.stack([VECTORS, -VECTORS], axis=1)
    two = load_pairs({"anchor": VECTORS, "positive": VECTORS, "negatives": both})
    assert same(two[2]["negatives"], [VECTORS[2], -VECTORS[2]])
    ragged = {"anchor": SOUND, "positive": SOUND, "negative": [SOUND[:2]] * 6}
    assert same(load_pairs(ragged)[5]["negatives"], SOUND[:2])
    made = Triplets.from_columns(
        {"anchor": SOUND, "positive": VECTORS, "negatives": [[v, -v] for v in VECTORS]}
    )
    assert same(made.take([1])["negatives"][0], [VECTORS[1], -VECTORS[1]])
    lists = load_ranked({"query": VECTORS, "candidates": both, "relevance": [[1, 0]] * 6})
    assert isinstance(lists, Ranked)
    assert same(lists[0]["candidates"], [VECTORS[0], -VECTORS[0]])


def test_texts_go_before_arrays() -> None:
    """A vector beside two texts is no text; a text and a vector are a pair where names say so."""
    columns = {"question": ["a b", "c d"], "answer": ["e f", "g h"], "vector": VECTORS[:2]}
    assert load_pairs(columns).columns == {"anchor": "question", "positive": "answer"}
    with pytest.raises(InputError, match="found one text column among caption, vector"):
        load_pairs({"caption": ["a b", "c d"], "vector": VECTORS[:2]})
    named = load_pairs({"caption": ["a b", "c d"], "vector": VECTORS[:2]}, anchor="caption")
    assert same([named[1]["positive"]], [VECTORS[1]])
    assert load_pairs({"anchor": ["a", "b"], "positive": VECTORS[:2]})[0]["anchor"] == "a"
    labelled = load_labeled({"x": VECTORS, "y": [0, 1] * 3})
    assert labelled.columns == {"input": "x", "label": "y"}
    assert (
        load_labeled({"text": ["a"] * 6, "vector": VECTORS, "label": [0, 1] * 3})[0]["input"] == "a"
    )
    scored = load_scored({"one": VECTORS, "two": VECTORS, "score": np.arange(6)})
    assert scored.columns["first"] == "one"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [[1.0, 2.0], [1.0, "x"]],
            "index 1: column 'anchor': found a list of 2; expected an",
        ),
        ([[1.0, 2.0], [1.0, None]], "index 1: .* found a list of 2 with gaps"),
        ([[1.0, 2.0], [1.0, float("nan")]], "found nan in an array of float32"),
        ([[1.0, 2.0], [1.0], "text"], "index 2: column 'anchor': found 'text'; expected an array"),
        ([[1.0], []], "index 1: .* found an empty list"),
        ([np.ones(2), np.ones(0)], "index 1: .* found an empty array"),
        ([[[1.0]], [[1.0], [2.0, 3.0]]], "found a list of 2 lists of different lengths"),
        ([["a b"], [1.0], [2.0]], "index 0: column 'anchor': found a list of 1; expected an array"),
    ],
)
def test_what_is_no_array_is_named_by_its_row(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_pairs({"anchor": values, "positive": ["a b", "c d", "e f"][: len(values)]})


def test_a_dtype_is_that_of_the_first_rows() -> None:
    rows = [[1, 2]] * 1000 + [[0.5, 2.0]]
    with pytest.raises(InputError, match=r"index 1000: .* expected int64, as in the first rows"):
        load_inputs(rows)
    mixed = load_inputs([np.ones(2, np.float32), np.ones(2, np.int8)])
    assert all(value.dtype == np.float32 for value in mixed.column("input"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": np.ones((2, 3)), "b": np.ones((3, 3))}, r"different length \(a 2, b 3\)"),
        ({"anchor": np.array([np.ones(1), np.ones(2)], object), "positive": np.ones((2, 2))},
         "an array of Python objects: arrays of different shapes belong in a .parquet"),
        ({"anchor": np.full((2, 2), np.nan), "positive": np.ones((2, 2))}, "row 1: .* found nan"),
        ({}, "found no rows"),
    ],
)  # fmt: skip
def test_npz_files_that_cannot_be_read(
    content: dict[str, Any], message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "rows.npz", **content)
    with pytest.raises(InputError, match=rf"^{tmp_path}/rows.npz.*{message}"):
        load_pairs(tmp_path / "rows.npz")


def test_a_damaged_npz_file(tmp_path: Path) -> None:
    whole = npz(tmp_path)
    for name, content in (("cut", whole.read_bytes()[:300]), ("text", b"no archive")):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(InputError, match="found no readable npz file"):
            load_pairs(path)


def test_columns_of_examples_compare_and_select() -> None:
    pairs = Pairs.from_columns({"anchor": SOUND, "positive": list(VECTORS)})
    part = pairs.select([4, 0])
    assert part.column("anchor") == [SOUND[4], SOUND[0]]
    assert part.column("anchor") != [SOUND[4], SOUND[1]]
    assert len(np.unique(pairs.keys("anchor"))) == 6
    again = Labeled.from_columns({"input": VECTORS, "label": [0] * 6}).table
    assert Labeled(again)[3]["input"].shape == (4,)


@pytest.mark.parametrize(
    ("kind", "field", "values", "said"),
    [
        (Pairs, "anchor", [[1.0, 2.0], [3.0, np.nan]], "found nan in an array"),
        (Pairs, "anchor", [[1.0, 2.0], "x"], "found 'x'; expected an array of numbers"),
        (Triplets, "negatives", [[[1.0], [2.0]], [[1.0], "b"]], "found 'b'; expected an array"),
    ],
)
def test_values_of_python_are_named_by_their_place(kind, field, values, said):
    columns = {"anchor": ["a", "b"], "positive": ["c", "d"], field: values}
    with pytest.raises(InputError, match=rf"^{kind.__name__}: {field}\[1\]: {said}"):
        kind.from_columns(columns)
