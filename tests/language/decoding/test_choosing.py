"""Drawing is transformers' filters and a place in the sum of probabilities."""

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from dipole.language.decoding.choosing import Choice


@pytest.mark.parametrize(
    ("t", "k", "p"),
    [(1, None, 1), (0.7, 5, 1), (1.3, None, 0.8), (0.9, 6, 0.7), (1, 1, 1), (1, None, 0)],
)
def test_draws_are_distributed_as_transformers_would(t, k, p):
    scores = 2 * torch.randn(1, 12, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    wanted = TemperatureLogitsWarper(float(t))(None, scores)
    wanted = wanted if k is None else TopKLogitsWarper(k)(None, wanted)
    wanted = wanted if p == 1 else TopPLogitsWarper(p)(None, wanted)
    # Every draw of a fine grid: the share of each token is its probability.
    draws = (torch.arange(20000, dtype=torch.double) + 0.5) / 20000
    tokens = Choice(t, k, p)(scores.expand(20000, -1), draws)
    shares = tokens.bincount(minlength=12) / 20000
    torch.testing.assert_close(shares, wanted.softmax(-1)[0].float(), atol=1e-4, rtol=0)


def test_what_is_not_plausible_is_never_drawn():
    scores = torch.tensor([[0.0, -torch.inf, 1.0, -torch.inf]])
    draws = torch.tensor([0.0, 0.3, 0.9, 1 - 1e-9], dtype=torch.double)
    assert set(Choice(1.0)(scores.expand(4, -1), draws).tolist()) <= {0, 2}
    assert Choice()(scores, draws[:1]).tolist() == [2]
