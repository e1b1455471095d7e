"""The learning rate, against torch's own schedulers and by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dipole.training.schedule import rate_at, warmup_steps


def test_cosine_without_warmup_is_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for step in range(20):
        mine = rate_at(step, total=20, warmup=0, schedule="cosine")
        assert mine == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        scheduler.step()


@given(
    total=st.integers(1, 200),
    warmup=st.integers(0, 250),
    schedule=st.sampled_from(["linear", "cosine", "constant"]),
)
def test_it_rises_then_never_rises_again(total, warmup, schedule):
    rates = [rate_at(s, total=total, warmup=warmup, schedule=schedule) for s in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    rise, fall = rates[:warmup], rates[warmup:]
    assert rise == sorted(rise)
    assert fall == sorted(fall, reverse=True)
    if fall:
        assert fall[0] == 1


def test_warmup_is_a_fraction_below_one():
    assert warmup_steps(0.1, 200) == 20
    assert warmup_steps(7, 200) == 7
    assert warmup_steps(0, 200) == 0
