"""Equal rows, equal fingerprint; the share seen is exact for small sets, close for large ones."""

import json
import math

import numpy as np
import pytest

from dipole.data import Labeled, Pairs, Scored, Triplets
from dipole.data import fingerprint as module
from dipole.data.fingerprint import (
    fingerprint,
    joined_fingerprint,
    read_fingerprint,
    seen_share,
)
from dipole.errors import InputError


def numbers(start, stop, ids="row"):
    names = [str(number) for number in range(start, stop)]
    return Pairs.from_columns(
        {"anchor": names, "positive": [f"{name}." for name in names]},
        ids=[f"{ids}-{name}" for name in names],
    )


def test_rows_and_order_decide_not_ids():
    found = fingerprint(numbers(0, 50))
    assert found == fingerprint(numbers(0, 50, ids="other"))
    assert found["rows"] == 50
    assert json.loads(json.dumps(found)) == found
    turned = fingerprint(numbers(0, 50).select(np.arange(50)[::-1]))
    assert turned["digest"] != found["digest"]
    assert turned["sketch"] == found["sketch"]


def test_texts_written_otherwise_are_seen_and_yet_changed():
    one = Pairs.from_columns({"anchor": ["caf\u00e9 au lait"], "positive": ["a"]})
    two = Pairs.from_columns({"anchor": ["cafe\u0301  au lait "], "positive": ["a"]})
    assert fingerprint(one)["sketch"] == fingerprint(two)["sketch"]
    assert fingerprint(one)["digest"] != fingerprint(two)["digest"]


def test_columns_are_not_confused():
    a = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    b = Pairs.from_columns({"anchor": ["b"], "positive": ["a"]})
    assert fingerprint(a)["digest"] != fingerprint(b)["digest"]
    assert seen_share(a, fingerprint(b)) == 0


def test_the_other_way_round_if_asked():
    there = Pairs.from_columns({"anchor": ["a", "b"], "positive": ["c", "d"]})
    back = Pairs.from_columns({"anchor": ["c", "x"], "positive": ["a", "b"]})
    assert seen_share(back, fingerprint(there)) == 0
    assert seen_share(back, fingerprint(there), swapped=True) == 0.5


def test_what_was_seen_is_what_was_encoded():
    """The same two texts as pairs, triplets and scored pairs; the digest tells them apart."""
    texts = {"anchor": ["a", "b"], "positive": ["c", "d"]}
    pairs = Pairs.from_columns(texts)
    triplets = Triplets.from_columns({**texts, "negatives": [["e"], ["f"]]})
    scored = Scored.from_columns({"first": ["a", "x"], "second": ["c", "d"], "score": [1.0, 2.0]})
    assert seen_share(pairs, fingerprint(triplets)) == seen_share(triplets, fingerprint(pairs)) == 1
    assert seen_share(pairs, fingerprint(scored)) == 0.5
    assert fingerprint(pairs)["digest"] != fingerprint(triplets)["digest"]
    one = Labeled.from_columns({"input": ["a", "b"], "label": [0, 1]})
    other = Labeled.from_columns({"input": ["a", "b"], "label": [1, 1]})
    assert seen_share(one, fingerprint(other)) == 1
    assert fingerprint(one)["digest"] != fingerprint(other)["digest"]


@pytest.mark.parametrize(
    "examples",
    [
        Triplets.from_columns({"anchor": ["a"], "positive": ["b"], "negatives": [["c", "d"]]}),
        Labeled.from_columns({"input": np.zeros((2, 3, 4, 4), np.uint8), "label": [0, 1]}),
        numbers(0, 0),
    ],
)
def test_any_kind_of_examples(examples):
    found = fingerprint(examples)
    assert found["rows"] == len(examples)
    share = seen_share(examples, found)
    assert share == 1 or (len(examples) == 0 and math.isnan(share))


def test_the_share_is_exact_for_small_sets():
    trained = fingerprint(numbers(0, 1000))
    assert seen_share(numbers(0, 10), trained) == 1
    assert seen_share(numbers(990, 1030), trained) == 0.25
    assert seen_share(numbers(2000, 2010), trained) == 0


def test_the_share_is_estimated_for_large_sets(monkeypatch):
    monkeypatch.setattr(module, "SKETCH", 500)
    monkeypatch.setattr(module, "_BLOCK", 77)
    trained = fingerprint(numbers(0, 5000))
    share = seen_share(numbers(2500, 7500), trained)
    assert share == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 500))
    assert seen_share(numbers(0, 5000), trained) == 1
    assert seen_share(numbers(5000, 9000), trained) == 0


def test_as_many_rows_as_a_sketch_holds_are_exact(monkeypatch):
    monkeypatch.setattr(module, "SKETCH", 100)
    assert seen_share(numbers(50, 150), fingerprint(numbers(0, 100))) == 0.5


def test_blocks_do_not_matter(monkeypatch):
    whole = fingerprint(numbers(0, 100))
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert fingerprint(numbers(0, 100)) == whole


def test_several_sets_as_one():
    one, two = fingerprint(numbers(0, 50)), fingerprint(numbers(50, 100))
    both = joined_fingerprint([one, two])
    assert both["rows"] == 100
    assert both["sketch"] == fingerprint(numbers(0, 100))["sketch"]
    assert joined_fingerprint([two, one])["digest"] != both["digest"]
    assert joined_fingerprint([one]) == one


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "null", '{"parts": 1}', '{"parts": ["x"]}', '{"sketch": 5}', '{"rows": NaN}', "{"],
)
def test_a_damaged_file_is_one_line(tmp_path, text):
    path = tmp_path / "data.json"
    assert read_fingerprint(path) is None
    path.write_text(text)
    with pytest.raises(InputError, match=r"data\.json: damaged; expected it as the training"):
        read_fingerprint(path)


def test_a_file_in_the_place_of_a_folder_has_none(tmp_path):
    (tmp_path / "vectors.npz").touch()
    assert read_fingerprint(tmp_path / "vectors.npz" / "data.json") is None
