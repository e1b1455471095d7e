"""What a type checker sees of data: `make check` runs mypy over this file.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import Any, assert_type

import numpy as np

import dipole
from dipole.data import (
    Column,
    Inputs,
    Labeled,
    Pairs,
    Ranked,
    RetrievalData,
    Scored,
    Triplets,
    load_inputs,
    load_labeled,
    load_pairs,
    load_ranked,
    load_retrieval,
    load_scored,
    read_qrels,
)
from dipole.encoders import Encoder
from dipole.retrieval import Hit, Index, read_corpus
from dipole.training.run.folder import Run

pairs = Pairs.from_columns({"anchor": ["a"], "positive": np.ones((1, 4))})
assert_type(pairs, Pairs)
assert_type(pairs.select([0]), Pairs)
assert_type(pairs.column("anchor"), Column)
assert_type(load_pairs("pairs.csv"), Pairs | Triplets)
assert_type(load_scored([("a", "b", 0.5)]), Scored)
assert_type(load_labeled({"x": np.ones((2, 3)), "label": [0, 1]}), Labeled)
assert_type(load_inputs(["a", "b"]), Inputs | Labeled)
assert_type(load_ranked("lists.jsonl"), Ranked)
assert_type(load_retrieval("pairs.csv"), RetrievalData)
assert_type(read_qrels("qrels.trec"), dict[str, dict[str, int]])

assert_type(dipole.fit({"anchor": ["a"], "positive": ["b"]}, out="runs/a"), Run)
assert_type(dipole.fit([("a", "b")], out="runs/a", validation=0.1), Run)
dipole.fit(3, out="runs/a")  # type: ignore[arg-type]
load_pairs("pairs.csv", anchor=1)  # type: ignore[arg-type]
load_pairs("pairs.csv", on_bad_row="drop")  # type: ignore[arg-type]
Pairs.from_column({"anchor": ["a"]})  # type: ignore[attr-defined]


def frame(table: Any) -> Run:
    return dipole.fit(table, out="runs/a", anchor="question", positive="answer")


def index(encoder: Encoder) -> None:
    found = Index.create("notes", encoder, read_corpus([{"id": "1", "text": "how to tie a knot"}]))
    assert_type(found, Index)
    assert_type(found.search("ropes", k=1), list[Hit])
