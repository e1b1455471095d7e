from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.encoders.pooling import POOLINGS, check_pooling, pool
from dipole.errors import InputError

ANY = (*POOLINGS, "cls+mean", "max + last + cls")


def by_hand(rows: list[torch.Tensor], pooling: str) -> torch.Tensor:
    """The definition, one row at a time, on its real tokens alone."""
    one = {
        "mean": lambda x: x.mean(0),
        "cls": lambda x: x[0],
        "last": lambda x: x[-1],
        "weighted_mean": lambda x: (
            sum((t + 1) * v for t, v in enumerate(x)) / (len(x) * (len(x) + 1) / 2)
        ),
        "max": lambda x: x.max(0).values,
        "mean_sqrt_len": lambda x: x.sum(0) / len(x) ** 0.5,
    }
    parts = pooling.split("+")
    return torch.stack([torch.cat([one[part](row) for part in parts]) for row in rows])


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.sampled_from(ANY), st.data())
def test_padding_on_either_side_changes_nothing(
    lengths: list[int], pooling: str, data: st.DataObject
) -> None:
    rows = [torch.randn(n, 4, dtype=torch.float64).float() for n in lengths]
    width = max(lengths) + data.draw(st.integers(0, 2))
    tokens = torch.full((len(rows), width, 4), float("nan"))
    mask = torch.zeros(len(rows), width, dtype=torch.int64)
    for i, row in enumerate(rows):
        left = data.draw(st.sampled_from([0, width - len(row)]))
        tokens[i, left : left + len(row)] = row
        mask[i, left : left + len(row)] = 1
    checked = check_pooling(pooling)
    torch.testing.assert_close(pool(tokens, mask, checked), by_hand(rows, checked))


def test_bfloat16_tokens_are_summed_in_float32() -> None:
    # 257 ones summed in bfloat16 stay at 256; their mean with a 2 would not move.
    tokens = torch.ones(1, 513, 1, dtype=torch.bfloat16)
    tokens[0, 0] = 2.0
    vector = pool(tokens, torch.ones(1, 513, dtype=torch.int64), "mean")
    assert vector.dtype == torch.float32
    torch.testing.assert_close(vector, torch.tensor([[514 / 513]]))


def test_a_row_without_tokens_is_zeros() -> None:
    for pooling in POOLINGS:
        vector = pool(
            torch.randn(1, 3, 2), torch.zeros(1, 3, dtype=torch.int64), check_pooling(pooling)
        )
        assert vector.eq(0).all()


def test_gradients_reach_real_tokens_only() -> None:
    tokens = torch.randn(1, 3, 2, requires_grad=True)
    pool(tokens, torch.tensor([[0, 1, 1]]), "weighted_mean").sum().backward()
    assert tokens.grad is not None
    torch.testing.assert_close(tokens.grad[0, :, 0], torch.tensor([0.0, 1 / 3, 2 / 3]))


def test_an_unknown_pooling_is_refused() -> None:
    for wrong in ("median", "mean+", "", "cls, mean", None, 3):
        with pytest.raises(InputError, match=r"^pooling is .*; expected one of mean, cls, last"):
            check_pooling(wrong)  # type: ignore[arg-type]
