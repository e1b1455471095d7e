"""Log-probabilities piece by piece are those of the whole, and the whole is never there."""

import pytest
import torch
from torch import nn

from dipole.language.picking import picked
from support.battery import Largest


def drawn(dtype, n=23, d=6, vocabulary=40):
    torch.manual_seed(0)
    states = torch.randn(n, d, dtype=dtype, requires_grad=True)
    return states, nn.Linear(d, vocabulary, dtype=dtype), torch.randint(vocabulary, (n,))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("rows", [1, 7, 23])
def test_value_and_gradients_are_those_of_a_softmax_of_everything(dtype, tolerance, rows):
    states, head, targets = drawn(dtype)
    weights = torch.rand(len(targets), dtype=dtype)
    leaves = [states, head.weight, head.bias]
    whole = head(states).log_softmax(1)[torch.arange(len(targets)), targets]
    wanted = torch.autograd.grad((weights * whole).sum(), leaves)
    found = picked(states, head, targets, 40, logits=40 * rows)
    gradients = torch.autograd.grad((weights * found).sum(), leaves)
    for one, other in zip([found, *gradients], [whole, *wanted], strict=True):
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


def test_no_tensor_of_the_size_of_all_logits_is_made_or_kept():
    n, d, vocabulary = 3000, 8, 5000
    states, head, targets = drawn(torch.float32, n, d, vocabulary)
    kept = []
    with (
        Largest() as largest,
        torch.autograd.graph.saved_tensors_hooks(
            lambda x: (kept.append(x.untyped_storage().nbytes()), x)[1], lambda x: x
        ),
    ):
        loss = picked(states, head, targets, vocabulary, logits=2**17).sum()
        forward = sum(kept)
        loss.backward()
    assert largest.numel <= 2**17, "of n * vocabulary = 15,000,000"
    # The pieces of states and targets, each a view of the whole of them, and nothing of logits.
    assert forward < 4 * n * vocabulary / 2
    assert states.grad.isfinite().all()


def test_half_precision_is_summed_in_float32():
    states, head, targets = drawn(torch.bfloat16)
    assert picked(states, head, targets, 40).dtype == torch.float32


def test_nothing_to_pick_is_nothing():
    _, head, _ = drawn(torch.float32)
    assert picked(torch.zeros(0, 6), head, torch.zeros(0, dtype=torch.long), 40).shape == (0,)
