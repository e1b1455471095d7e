from __future__ import annotations

import torch
from torch import nn

from dipole.encoders.heads import ProjectionHead


def test_without_hidden_it_is_linear() -> None:
    head = ProjectionHead(4, 3)
    a, b = torch.randn(2, 5, 4)
    torch.testing.assert_close(head(a + b) + head(torch.zeros(5, 4)), head(a) + head(b))


def test_with_hidden_it_is_the_equation() -> None:
    head = ProjectionHead(4, 3, hidden=6)
    x = torch.randn(5, 4)
    first, _, second = head
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    expected = (x @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
    torch.testing.assert_close(head(x), expected)


def test_batch_norm_stands_before_the_relu_and_takes_over_the_bias() -> None:
    head = ProjectionHead(4, 3, hidden=6, batch_norm=True)
    x = torch.randn(50, 4)
    first, norm = head[0], head[1]
    assert first.bias is None
    normed = norm(first(x))
    torch.testing.assert_close(normed.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(head(x), head[3](normed.relu()))
