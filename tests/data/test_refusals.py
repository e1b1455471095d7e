"""Arguments that would do nothing are refused, each in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.data import (
    Labeled,
    Pairs,
    Ranked,
    Scored,
    Texts,
    load_inputs,
    load_labeled,
    load_pairs,
    load_ranked,
    load_retrieval,
    load_scored,
)
from dipole.data.bundles import Bundles
from dipole.data.loading import load_bundles
from dipole.data.retrieval import retrieval_from_pairs
from dipole.errors import InputError
from dipole.evaluation.tasks.registry import DATA, Wanted
from dipole.retrieval import read_corpus

IMAGES = np.zeros((2, 8, 8), np.uint8)
PAIRS = Pairs.from_columns({"anchor": ["a", "b"], "positive": ["c", "d"]})
LABELED = Labeled.from_columns({"input": IMAGES, "label": [0, 1]})
SCORED = Scored.from_columns({"first": ["a"], "second": ["b"], "score": [1.0]})
RANKED = Ranked.from_columns({"query": ["a"], "candidates": [["b"]], "relevance": [[1.0]]})
BUNDLES = Bundles.from_columns({"text": ["a"], "title": ["b"]})
RETRIEVAL = retrieval_from_pairs(PAIRS)
TEXTS = Texts.from_columns({"text": ["a"]})


@pytest.mark.parametrize(
    ("load", "examples", "names"),
    [
        (load_pairs, PAIRS, {"resize": 8, "split": "test", "anchor": "x"}),
        (load_scored, SCORED, {"resize": "8x8", "split": "validation", "score": "x"}),
        (load_labeled, LABELED, {"resize": 8, "split": "test", "label": "x"}),
        (load_inputs, LABELED, {"resize": 8, "split": "test", "input": "x"}),
        (load_ranked, RANKED, {"split": "test", "query": "x"}),
        (load_bundles, BUNDLES, {"resize": 8, "split": "dev", "first": "a", "others": ["title"]}),
        (load_retrieval, PAIRS, {"resize": 8, "split": "dev", "anchor": "x"}),
        (load_retrieval, RETRIEVAL, {"resize": 8, "split": "dev", "positive": "x"}),
        (read_corpus, TEXTS, {"text": "x", "id": "number"}),
        (read_corpus, PAIRS, {"text": "x"}),
        (read_corpus, RETRIEVAL, {"id": "number"}),
    ],
)
def test_of_examples_in_memory(
    load: Callable[..., Any], examples: Any, names: dict[str, Any]
) -> None:
    assert load(examples) is not None  # without them it is taken
    for name, value in names.items():
        with pytest.raises(InputError, match=rf"found {name}=.*; expected") as caught:
            load(examples, **{name: value})
        assert "\n" not in str(caught.value)


def test_a_size_of_images_of_a_data_set_of_texts(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "a"}\n')
    for load in (load_pairs, load_retrieval):
        for source in (tmp_path, "stdlib-code"):
            with pytest.raises(InputError, match="found resize=8 for a data set of texts"):
                load(source, resize=8)
    with pytest.raises(InputError, match="found resize=8 for a data set of texts"):
        load_scored("stsb", resize=8)


def test_what_a_model_was_trained_with_is_no_such_argument() -> None:
    pytest.importorskip("sklearn")
    for kind, name in (("labelled", "digits"), ("pairs", "stdlib-code")):
        wanted = Wanted(name, resize="8", as_trained=True)
        assert len(DATA[kind].load(wanted)[0])
        with pytest.raises(InputError, match="found resize='8'"):
            DATA[kind].load(Wanted(name, resize="8"))
