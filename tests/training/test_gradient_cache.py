"""Chunks: the same vectors, the same gradient with dropout replayed, less memory."""

import torch
from torch import nn

from dipole.training.gradient_cache import encode_chunks


def tower():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.4), nn.Linear(16, 4)).double()


def forward(module):
    return lambda features: module(features["x"])


def loss_of(first, second):
    return (first @ second.T).logsumexp(1).mean() - (first * second).sum(1).mean()


def test_two_views_with_dropout_give_the_gradient_of_the_whole_graph():
    """The oracle keeps every chunk's graph; both draw the same numbers in the same order."""
    module = tower()
    x, y = torch.randn(2, 10, 6, dtype=torch.double)
    chunks = [[{"x": part} for part in z.split(4)] for z in (x, y)]
    torch.manual_seed(1)
    whole = loss_of(*(torch.cat([module(c["x"]) for c in view]) for view in chunks))
    torch.manual_seed(1)
    cached = loss_of(*(encode_chunks(forward(module), view) for view in chunks))
    assert torch.equal(whole, cached)
    parameters = list(module.parameters())
    expected, found = (
        torch.autograd.grad(whole, parameters),
        torch.autograd.grad(cached, parameters),
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_random_numbers_after_the_backward_are_those_without_it():
    """Replaying a chunk must not move the generator that the next step draws from."""
    module = tower()
    chunks = [{"x": part} for part in torch.randn(10, 6, dtype=torch.double).split(4)]
    torch.manual_seed(1)
    encode_chunks(forward(module), chunks).sum().backward()
    after = torch.rand(3)
    torch.manual_seed(1)
    encode_chunks(forward(module), chunks)
    assert torch.equal(after, torch.rand(3))


def test_two_forwards_before_one_backward():
    module, other = tower(), tower()
    x = torch.randn(9, 6, dtype=torch.double)
    chunks = [{"x": part} for part in x.split(2)]
    module.eval(), other.eval()
    both = [*module.parameters(), *other.parameters()]
    loss = loss_of(encode_chunks(forward(module), chunks), encode_chunks(forward(other), chunks))
    plain = loss_of(module(x), other(x))
    expected, found = torch.autograd.grad(plain, both), torch.autograd.grad(loss, both)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_autograd_keeps_the_activations_of_no_chunk():
    """Bytes that the forward saves for the backward: inputs and vectors, no hidden layer."""
    module = nn.Sequential(nn.Linear(4, 512), nn.Tanh(), nn.Linear(512, 4))
    x = torch.randn(64, 4)

    def saved(chunks):
        total = 0

        def count(tensor):
            nonlocal total
            total += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            encode_chunks(forward(module), chunks)
        return total

    hidden = 64 * 512 * 4
    assert saved([{"x": x}]) >= hidden
    assert saved([{"x": part} for part in x.split(8)]) < hidden / 8


def test_bfloat16_is_recomputed_in_bfloat16():
    """Under autocast both graphs hold the same roundings: the gradients are equal to the bit."""
    module = tower().float()
    chunks = [{"x": part} for part in torch.randn(10, 6).split(4)]
    parameters = list(module.parameters())
    found = []
    for whole in (True, False):
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = (
                torch.cat([module(chunk["x"]) for chunk in chunks])
                if whole
                else encode_chunks(forward(module), chunks)
            )
        assert vectors.dtype == torch.bfloat16
        z = vectors.float()
        loss = (z @ z.T).logsumexp(1).mean()
        found.append(torch.autograd.grad(loss, parameters))  # outside of autocast, as a trainer
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
