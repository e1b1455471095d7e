"""DeCLUTR: where spans lie, how long they are, and who shares a batch."""

import numpy as np
import pytest
import torch

from dipole.data import Inputs
from dipole.errors import InputError
from dipole.systems.text.declutr import Documents, MeanPositive, draw, spans

WORDS = [f"w{i}" for i in range(200)]


@pytest.mark.parametrize("near", ["any", "inside", "adjacent"])
def test_spans_lie_where_they_may(near):
    rng = np.random.default_rng(0)
    for _ in range(300):
        (one, first), (two, second) = draw(160, rng, shortest=4, longest=40, near=near)
        assert abs(one[0] // 40 - two[0] // 40) > 0 or one[1] <= two[0] or two[1] <= one[0]
        for (start, end), others in ((one, first), (two, second)):
            assert 4 <= end - start <= 40
            assert start // 40 == (end - 1) // 40  # within its slot
            for a, b in others:
                assert 0 <= a < b <= 160
                if near == "inside":
                    assert start <= a < b <= end
                elif near == "adjacent":
                    assert b == start or a == end
                else:
                    assert a <= end
                    assert b >= start


def test_lengths_are_those_of_the_beta_distributions():
    rng = np.random.default_rng(1)
    found = [draw(4000, rng, anchors=1, shortest=32, longest=512) for _ in range(1500)]
    anchors = np.mean([end - start for (((start, end), _),) in found])
    positives = np.mean([b - a for ((_, others),) in found for a, b in others])
    # the mean of Beta(a, b) is a / (a + b); a length is rounded down
    assert abs(anchors - (32 + 480 * 4 / 6 - 0.5)) < 8
    assert abs(positives - (32 + 480 * 2 / 6 - 0.5)) < 8


def test_rows_are_anchors_with_their_positives():
    examples = Inputs.from_columns({"input": ["too short", " ".join(WORDS), " ".join(WORDS[::-1])]})
    found = spans(examples, None, seed=0, positives=3, shortest=4, longest=20)
    assert list(found.column("id")) == ["1:0", "1:1", "2:0", "2:1"]
    assert all(len(others) == 3 for others in found.column("candidates"))
    text = " ".join(WORDS)
    assert all(one in text for one in [found[0]["query"], *found[0]["candidates"]])
    again = spans(examples, None, seed=0, positives=3, shortest=4, longest=20)
    assert list(again.column("query")) == list(found.column("query"))


def test_the_positive_is_the_mean_of_vectors():
    candidates = torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[5.0, 5.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True], [True, False]])
    found = MeanPositive().before({"candidates": candidates, "mask": mask})["positive"]
    assert found.tolist() == [[2.0, 4.0], [5.0, 5.0]]


def test_anchors_of_a_document_share_a_batch():
    rows = [np.array([0, 1]), np.array([2, 3]), np.array([4, 5])]
    plan = Documents(rows, 4, seed=0)
    batches = [batch.tolist() for batch in plan.epoch(0)]
    assert sorted(row for batch in batches for row in batch) == list(range(6))
    assert [len(batch) for batch in batches] == [4, 2]
    assert all(batch[i] + 1 == batch[i + 1] for batch in batches for i in range(0, len(batch), 2))


def test_documents_that_are_too_short_are_said():
    examples = Inputs.from_columns({"input": [" ".join(WORDS)]})
    with pytest.raises(InputError, match=r"no document of 2,048 words.*has 200; expected --mine"):
        spans(examples, None, seed=0)
    with pytest.raises(InputError, match="found shortest=9, longest=8"):
        spans(examples, None, seed=0, shortest=9, longest=8)
