from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from dipole.encoders.dropout import CheapDropout, attention, dropout
from dipole.encoders.transformer_text import TransformerText


class Called(TorchDispatchMode):
    """The names of all operators that ran."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_stays_is_scaled_and_the_share_is_right(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.rand(401, 501, dtype=dtype).add(0.5).requires_grad_()
    out = dropout(x, p)
    stays = out != 0
    n = x.numel()
    assert abs(stays.sum().item() - n * (1 - p)) < 5 * (n * p * (1 - p)) ** 0.5
    expected = x.detach().double() / (1 - p)
    tolerance = 1e-4 if dtype == torch.float32 else 2**-7
    torch.testing.assert_close(out[stays].double(), expected[stays], rtol=tolerance, atol=0)
    (grad,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(
        grad.double(), stays.double() / (1 - p), rtol=tolerance, atol=0
    )  # nothing flows where nothing went


def test_neighbours_are_independent() -> None:
    """Four elements share a draw: their joint frequencies are still products."""
    torch.manual_seed(1)
    stays = (dropout(torch.ones(4 * 100_000), 0.5) != 0).view(-1, 4).double()
    assert (stays.mean(0) - 0.5).abs().max() < 0.008
    assert (torch.corrcoef(stays.T) - torch.eye(4)).abs().max() < 0.016


def test_edges_and_seeds() -> None:
    x = torch.randn(7, 3)
    assert dropout(x, 0.0) is x or torch.equal(dropout(x, 0.0), x)
    assert torch.equal(dropout(x, 1.0), torch.zeros_like(x))
    assert torch.equal(dropout(x, 0.5, training=False), x)
    assert dropout(torch.empty(0, 3), 0.5).shape == (0, 3)
    torch.manual_seed(3)
    first = dropout(x, 0.5)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x, 0.5))


@pytest.mark.parametrize("kind", ["none", "bool", "float"])
def test_attention_is_torchs_in_the_mean(kind: str) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 8) for _ in range(3))
    stays = torch.ones(2, 1, 5, 5, dtype=torch.bool)
    stays[0, :, :, 3:] = False
    mask: Tensor | None = None
    if kind == "bool":
        mask = stays
    elif kind == "float":
        mask = torch.zeros(stays.shape).masked_fill(~stays, -torch.inf)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(attention(q, k, v, mask, dropout_p=1e-6), expected)
    many = torch.stack([attention(q, k, v, mask, dropout_p=0.2) for _ in range(4000)])
    error = (many.mean(0) - expected).abs() / (many.std(0) / 4000**0.5 + 1e-6)
    assert error.max() < 5
    assert many.std(0).min() > 0


def test_a_transformer_takes_it_and_no_other_numbers_are_drawn(tiny: Path) -> None:
    encoder = TransformerText.load(tiny).train()
    features = encoder.prepare(["how to open a file", "a list"])
    vectors = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        with Called() as called:
            vectors.append(encoder(features))
        assert "random_" in called.names
        assert not called.names & {"bernoulli_", "native_dropout"}
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


def test_what_it_does_not_stand_in_for_goes_to_torch() -> None:
    q = torch.randn(1, 2, 4, 8)
    with CheapDropout(), Called() as called:
        causal = F.scaled_dot_product_attention(q, q, q, is_causal=True)
        F.scaled_dot_product_attention(q, q, q, is_causal=True, dropout_p=0.5)
    assert "random_" not in called.names
    expected = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    torch.testing.assert_close(causal, expected)


def test_other_devices_keep_their_own() -> None:
    q = torch.randn(1, 2, 4, 8, device="meta")
    with CheapDropout(), Called() as called:
        found = F.scaled_dot_product_attention(q, q, q, dropout_p=0.5)
        F.dropout(q, 0.5)
    assert found.device.type == "meta"
    assert "random_" not in called.names
