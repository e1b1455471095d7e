"""miCSE: mutual information of attention, by loops; what is left out, drawn and refused."""

import math

import numpy as np
import pytest
import torch

from dipole.encoders.layers_text import LayersText
from dipole.errors import InputError
from dipole.systems.text.micse import AttentionMI, TanhHead
from support.parts import bound
from support.tiny import TinyEncoder
from support.tiny_bert import save_tiny_bert


def attention(*shape, zeros=0.3, seed=0):
    """Probabilities of two views, some of them taken by dropout."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(2, *shape, generator=generator, dtype=torch.float64).softmax(-1)
    kept = torch.rand(found.shape, generator=generator) >= zeros
    return (found * kept).unbind(0)


def naive(x, y, first, last, least, size):
    """The objective by loops; rows that have more places than `size` are not drawn from here."""
    rows = []
    for i in range(x.shape[0]):
        for head in range(x.shape[2]):
            for group in (0, 1):
                layers = range(first + group, last + 1, 2)
                a = np.concatenate([x[i, k, head].flatten() for k in layers])
                b = np.concatenate([y[i, k, head].flatten() for k in layers])
                both = (a > 0) & (b > 0)
                rows.append((both.sum(), len(a), np.log(a[both]), np.log(b[both])))
    kept = [row for row in rows if row[0] >= size] if least else rows
    share = np.mean([row[0] / row[1] for row in kept])
    found = [-0.5 * math.log(1 - np.corrcoef(u, v)[0, 1] ** 2) for _, _, u, v in kept]
    return -(share**2 + 1e-6) * np.mean(found)


def test_loops_give_the_same_where_all_places_are_taken():
    x, y = attention(3, 6, 2, 3, 3, zeros=0.0)
    found = AttentionMI(first=1, last=4, samples=150)(x, y)
    assert found.item() == pytest.approx(naive(x, y, 1, 4, False, 150), rel=1e-9)


def test_rows_with_too_few_places_are_left_out():
    x, y = attention(2, 2, 2, 3, 3, zeros=0.0)
    x[0, 0, 1, 0, 0] = 0  # of nine places one is gone: with 9 asked for this row is not counted
    found = AttentionMI(first=0, last=1, samples=9)(x, y)
    expected = naive(x.numpy(), y.numpy(), 0, 1, True, 9)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_all_rows_have_as_many_places_as_the_poorest():
    x, y = attention(2, 2, 1, 3, 3, zeros=0.0)
    x[0, 0] = 0
    assert AttentionMI(first=0, last=1)(x, y).item() == 0  # none in common: no information
    x[0, 0, 0, 0, :2] = 0.5  # two places: a line through them
    y[0, 0, 0, 0, :2] = torch.tensor([0.2, 0.4])
    assert math.isfinite(AttentionMI(first=0, last=1)(x, y).item())


def test_places_are_drawn_of_those_that_are_there():
    x, y = attention(2, 2, 2, 6, 6, zeros=0.0)
    x[..., 4:], y[..., :2] = 0, 0  # 12 of 36 are above 0 in both
    objective = AttentionMI(first=0, last=1, samples=8)
    first, second = objective(x, y).item(), objective(x, y).item()
    assert math.isfinite(first)
    assert first != second


def test_of_gaussians_it_is_their_mutual_information():
    generator = torch.Generator().manual_seed(0)
    u, noise = torch.randn(2, 4, 2, 4, 40, 40, generator=generator, dtype=torch.float64)
    v = 0.6 * u + 0.8 * noise
    found = AttentionMI(first=0, last=1, samples=1600)(u.exp(), v.exp())
    assert -found.item() == pytest.approx(-0.5 * math.log(1 - 0.6**2), rel=0.05)


def test_the_gradient_is_that_of_the_formula():
    views = [x.requires_grad_() for x in attention(2, 2, 1, 3, 3, zeros=0.0)]
    assert torch.autograd.gradcheck(AttentionMI(first=0, last=1), views)


def test_without_dropout_there_is_nothing_to_learn():
    x, _ = attention(1, 2, 1, 3, 3, zeros=0.0)
    x.requires_grad_()
    AttentionMI(first=0, last=1)(x, x).backward()
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_layers_that_are_not_there_are_refused():
    with pytest.raises(InputError, match=r"found first=7, last=10; .* 4 layers.* first=2 .*last=3"):
        AttentionMI()(*attention(1, 4, 1, 3, 3))
    with pytest.raises(InputError, match="an even number"):
        AttentionMI(first=0, last=2)(*attention(1, 4, 1, 3, 3))


def test_a_tower_in_training_shows_attention_that_dropout_thinned(tmp_path):
    folder = save_tiny_bert(tmp_path / "bert", ["open the file", "close it"])
    encoder = LayersText.from_inputs(model=str(folder), last=1, pooling="cls")
    features = encoder.prepare(["open the file", "close it"])
    whole = encoder.eval().outputs(features, ("mask", "attention"))["attention"]
    torch.testing.assert_close(whole.sum(-1), torch.ones(whole.shape[:-1]))
    torch.manual_seed(0)
    thinned = encoder.train().outputs(features, ("mask", "attention"))["attention"]
    assert ((thinned == 0) & (whole > 0)).any()


def test_the_head_is_a_map_and_a_tanh():
    part = bound(TanhHead(), {})
    x = torch.randn(2, 3, TinyEncoder().dim)
    found = part.before({"anchor": x[0], "positive": x[1]})
    torch.testing.assert_close(found["positive"], (x[1] @ part.head.weight.T).tanh())
