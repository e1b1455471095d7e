"""One line per mistake: the argument, what it was, what was expected."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives.contract.checks import SHAPES, check

A, B = torch.ones(4, 3), torch.ones(5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"anchor": A[0]}, "anchor: found shape (3,), expected (n, d)"),
        (
            {"anchor": A, "positive": B},
            "positive: found shape (5, 3), expected (n, d) with n = 4 as in anchor",
        ),
        (
            {"anchor": A, "negative": A[:, :2]},
            "negative: found shape (4, 2), expected (m, d) with d = 3 as in anchor",
        ),
        ({"anchor": [1.0]}, "anchor: found list, expected a tensor"),
        ({"anchor": A.long()}, "anchor: found torch.int64, expected a floating point dtype"),
        ({"labels": A[:, 0]}, "labels: found torch.float32, expected integers"),
        ({"mask": A}, "mask: found torch.float32, expected torch.bool"),
        ({"anchor": A / 0}, "anchor: found 12 values that are nan or inf, expected finite"),
        ({"anchor": A[:0]}, "anchor: found no rows, expected at least one"),
        ({"relation": -A[:, :3]}, "relation: found -1, expected weights of 0 or more"),
    ],
)
def test_message(arguments, message):
    with pytest.raises(InputError) as raised:
        check(**arguments)
    assert str(raised.value) == message


def test_sizes_come_back():
    assert check(anchor=A, negative=B, ids=None) == {"n": 4, "d": 3, "m": 5}


def test_a_call_may_have_shapes_of_its_own():
    sizes = check(positive=torch.ones(4, 2, 3), shapes={"positive": "n p d"})
    assert sizes == {"n": 4, "p": 2, "d": 3}


def test_large_finite_numbers_are_finite():
    for dtype, huge in [(torch.float32, 3e38), (torch.float64, 1e308), (torch.float16, 6e4)]:
        check(anchor=torch.full((4, 3), huge, dtype=dtype))


def test_booleans_and_counts_are_a_relation():
    check(relation=torch.eye(3) > 0)
    check(relation=torch.eye(3).long())


def test_every_name_has_a_shape():
    assert all(shape.split() for shape in SHAPES.values())
