from __future__ import annotations

import pytest
import torch
from torch import nn

from dipole.encoders.heads import ExpertsHead, ProjectionHead, routing_information
from dipole.errors import InputError


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


def test_experts_start_as_the_head_they_copy_whatever_the_gate_says():
    head = ProjectionHead(5, 3, hidden=7)
    x = torch.randn(9, 5)
    for active in (1, 2):
        made = ExpertsHead(head, experts=4, active=active)
        torch.testing.assert_close(made(x), head(x))
        torch.testing.assert_close(made(x, routes=torch.arange(9) % 4), head(x))


def test_experts_equal_a_loop_over_rows():
    made = ExpertsHead(ProjectionHead(5, 3), experts=4, active=2)
    for expert in made.experts:
        torch.nn.init.normal_(expert[0].weight)
    x = torch.randn(6, 5)
    for i in range(6):
        logits = made.gate.weight @ x[i]
        best = sorted(range(4), key=lambda e: -float(logits[e].detach()))[:2]
        share = torch.softmax(logits[best], 0)
        expected = sum(
            g * made.experts[e](x[i : i + 1])[0] for g, e in zip(share, best, strict=True)
        )
        torch.testing.assert_close(made(x)[i], expected)
        torch.testing.assert_close(
            made(x, routes=torch.full((6,), 2))[i], made.experts[2](x[i : i + 1])[0]
        )


@pytest.mark.parametrize("active", [1, 2])
def test_the_gate_learns(active):
    made = ExpertsHead(ProjectionHead(5, 3), experts=3, active=active)
    for expert in made.experts:
        torch.nn.init.normal_(expert[0].weight)
    made(torch.randn(6, 5)).square().sum().backward()
    assert made.gate.weight.grad.abs().sum() > 0


def test_routing_information_by_hand():
    domains = torch.tensor([7, 7, 9, 9])
    own = torch.eye(2)[[0, 0, 1, 1]]
    torch.testing.assert_close(routing_information(own, domains), -torch.tensor(2.0).log())
    assert routing_information(torch.full((4, 2), 0.5), domains).abs() < 1e-6
    with pytest.raises(InputError, match="active: found 3 of 2 experts"):
        ExpertsHead(ProjectionHead(5, 3), experts=2, active=3)
