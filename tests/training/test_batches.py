"""What a step gets: columns in the right roles, content hashes, everything in order."""

import threading

import numpy as np
import pytest
import torch

from dipole.data import Labeled, Pairs, Scored, Triplets, content_key
from dipole.sampling.known import KnownPairs
from dipole.training.batches import ahead, class_ids, collate, content_ids, unique_keys
from dipole.views.base import Same


class Recorder:
    """Notes what it is asked to prepare."""

    def __init__(self):
        self.seen = []

    def prepare(self, inputs, role="document"):
        self.seen.append((list(inputs), role))
        return {"lengths": torch.tensor([len(x) for x in inputs])}

    def keyed(self, features, keys):
        return features


@pytest.fixture
def triplets():
    return Triplets.from_columns(
        {"anchor": ["a", "b"], "positive": ["A", "B"], "negatives": [["x"], ["y", "A"]]}
    )


def test_roles_and_flat_negatives(triplets):
    encoder = Recorder()
    batch = collate(triplets, np.array([1, 0]), encoder)
    assert encoder.seen == [
        (["b", "a"], "query"),
        (["B", "A"], "document"),
        (["y", "A", "x"], "document"),
    ]
    assert batch.row_ids == ["2", "1"]
    assert set(batch.columns) == {"anchor", "positive", "negative"}


def test_a_negative_that_is_a_positive_carries_its_id(triplets):
    tensors = collate(triplets, np.array([0, 1]), Recorder()).tensors
    assert tensors["ids"][0] == tensors["negative_ids"][2]
    assert len(set(tensors["ids"].tolist() + tensors["negative_ids"].tolist())) == 4


def test_content_ids_are_the_content_keys():
    ids = content_ids(["a", "b"])
    assert ids.dtype == torch.int64
    assert ids.numpy().view(np.uint64).tolist() == [content_key("a"), content_key("b")]


def test_chunks_keep_the_order(triplets):
    encoder = Recorder()
    batch = collate(triplets, np.array([0, 1]), encoder, chunk=2)
    assert [len(chunk["lengths"]) for chunk in batch.columns["negative"]] == [2, 1]


def test_scores_travel_as_numbers():
    scored = Scored.from_columns({"first": ["a"], "second": ["b"], "score": [0.5]})
    batch = collate(scored, np.array([0]), Recorder())
    assert batch.tensors["scores"].tolist() == [0.5]
    assert unique_keys(scored).shape == (1, 0)  # graded pairs may share a text


def test_a_labelled_input_is_two_views_and_a_class():
    labeled = Labeled.from_columns({"input": ["x", "y", "z"], "label": ["cat", "dog", "cat"]})
    batch = collate(labeled, np.array([0, 1, 2]), Recorder(), views=[Same(), Same()])
    assert list(batch.columns) == ["anchor", "positive"]
    labels = batch.tensors["labels"].tolist()
    assert labels[0] == labels[2] != labels[1]


def test_keys_of_pairs_are_anchor_and_positive():
    pairs = Pairs.from_columns({"anchor": ["a", "b"], "positive": ["x", "a"]})
    keys = unique_keys(pairs)
    assert keys.shape == (2, 2)
    assert keys[0, 0] == keys[1, 1]  # one text, one key, whatever its side


def test_ahead_keeps_order_and_works_in_another_thread():
    threads = set()

    def make(x):
        threads.add(threading.current_thread())
        return x * x

    assert list(ahead(make, range(7))) == [x * x for x in range(7)]
    assert threading.main_thread() not in threads


def test_ahead_reads_a_few_items_ahead_and_no_more():
    started = []

    def items():
        for x in range(100):
            started.append(x)
            yield x

    assert next(ahead(lambda x: x, items())) == 0
    assert len(started) == 3


def test_ahead_passes_an_error_on():
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda x: 1 // x, [1, 0]))


def test_whole_numbers_are_the_classes_themselves_and_names_are_hashes():
    assert class_ids([3, 0, 3]).tolist() == [3, 0, 3]
    first, second, third = class_ids(["cat", "dog", "cat"]).tolist()
    assert first == third != second


def test_listed_negatives_that_belong_to_an_anchor_of_the_batch_are_left_out():
    """Row 1 lists its own anchor, another row's positive of it, and a copy of its positive in
    another form; row 2 lists what another row pairs with the anchor of row 1."""
    triplets = Triplets.from_columns(
        {
            "anchor": ["q", "q", "r"],
            "positive": ["one", "two", "three"],
            "negatives": [["q", " two", "one\n", "x"], ["y"], ["two", "q", "z"]],
        }
    )
    rows = np.array([0, 2])
    known = KnownPairs(unique_keys(triplets)).no_negatives(rows, own=False)
    encoder = Recorder()
    batch = collate(triplets, rows, encoder, no_negatives=known)
    assert encoder.seen[2] == (["one\n", "x", "z"], "document")
    there = batch.tensors["negative_there"].tolist()
    assert there == [False, False, True, True, False, False, True]
    # The copy of the own positive goes by its id, which objectives mask; others get it left out.
    assert batch.tensors["negative_ids"][0] == batch.tensors["ids"][0]
    known = KnownPairs(unique_keys(triplets)).no_negatives(rows, own=True)
    assert collate(triplets, rows, Recorder(), no_negatives=known).columns["negative"][0][
        "lengths"
    ].tolist() == [1, 1]


def test_a_list_that_is_left_out_whole_is_no_column():
    triplets = Triplets.from_columns({"anchor": ["q"], "positive": ["p"], "negatives": [["q"]]})
    known = KnownPairs(unique_keys(triplets)).no_negatives(np.array([0]), own=False)
    batch = collate(triplets, np.array([0]), Recorder(), no_negatives=known)
    assert "negative" not in batch.columns
    assert batch.tensors["negative_ids"].shape == batch.tensors["negative_rows"].shape == (0,)
