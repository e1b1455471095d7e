"""Scores that are not dot products, against a loop over pairs."""

from __future__ import annotations

import pytest
import torch

from dipole.kernels import (
    Score,
    gram_volume,
    late_interaction,
    lse,
    negative_squared_distance,
    pairs,
    total,
    using,
)
from support.programs import difference

GENERATOR = torch.Generator().manual_seed(0)


def unit(*shape):
    drawn = torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=-1)


def kept(n, length):
    """Masks of tokens; the first row has none at all."""
    mask = torch.rand(n, length, generator=GENERATOR) > 0.4
    mask[0] = False
    return mask


def volume(a, b):
    vectors = torch.cat([a[None], b])
    return -torch.linalg.det(vectors @ vectors.T).sqrt()


def best_tokens(a, a_mask, b, b_mask):
    seen = b[b_mask]
    best = [(seen @ token).max() for token in a[a_mask]] if len(seen) else []
    return torch.stack(best).sum() if best else a.new_zeros(())


ALL = torch.ones(5, 4, dtype=torch.bool), torch.ones(4, 6, dtype=torch.bool)
DOUBLE = 2 * torch.eye(3, dtype=torch.float64)
# Name: the score, the rows' tensors, the columns' tensors, one pair by hand.
CASES = {
    "distance": (
        negative_squared_distance(),
        [unit(5, 3)],
        [unit(4, 3)],
        lambda x, y: -(x - y).square().sum(),
    ),
    "volume": (gram_volume(), [unit(5, 3)], [unit(4, 2, 3)], volume),
    "tokens": (
        late_interaction(),
        [unit(5, 4, 3)],
        [unit(4, 6, 3)],
        lambda x, y: best_tokens(x, ALL[0][0], y, ALL[1][0]),
    ),
    "masked tokens": (
        late_interaction(),
        [unit(5, 4, 3), kept(5, 4)],
        [unit(4, 6, 3), kept(4, 6)],
        best_tokens,
    ),
    "bilinear": (
        Score(lambda x, y, w: x @ w @ y.T, shared=DOUBLE),
        [unit(5, 3)],
        [unit(4, 3)],
        lambda x, y: 2 * x @ y,
    ),
}


@pytest.mark.parametrize("executor", ["tiled", "dense"])
@pytest.mark.parametrize("name", CASES)
def test_statistics_and_gradients_are_those_of_a_loop(name, executor):
    score, rows, columns, one = CASES[name]
    answers = []
    for by_hand in (False, True):
        a, b = rows[0].clone().requires_grad_(), columns[0].clone().requires_grad_()
        if by_hand:
            xs = list(zip(a, *rows[1:], strict=True))
            ys = list(zip(b, *columns[1:], strict=True))
            scores = torch.stack([torch.stack([one(*x, *y) for y in ys]) for x in xs]) / 0.5
            found = scores.logsumexp(1), scores.sum(0)
        else:
            with using(executor=executor, tile=(2, 3)):
                stats = pairs(
                    [a, *rows[1:]],
                    [b, *columns[1:]],
                    temperature=0.5,
                    score=score,
                    row=[lse()],
                    column=[total()],
                )
            found = stats.row[0], stats.column[0]
        loss = found[0].sum() + found[1].square().sum()
        answers.append([t.detach() for t in (*found, *torch.autograd.grad(loss, (a, b)))])
    for mine, exact in zip(*answers, strict=True):
        assert difference(mine, exact) < 1e-9


def test_vectors_without_volume_have_no_gradient_rather_than_nan():
    a = torch.tensor([[1.0, 0, 0]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[[0.0, 1, 0]], [[1.0, 0, 0]]], dtype=torch.float64)
    (row,) = pairs(a, b, score=gram_volume(), row=[total()]).row
    row.sum().backward()
    assert row.item() == -1
    assert a.grad.isfinite().all()


def test_learnable_temperature_per_row_of_a_score():
    a, b = unit(5, 3), unit(4, 3)
    far = torch.cdist(a, b).square()
    for executor in ("tiled", "dense"):
        t = torch.linspace(0.2, 1, 5, dtype=torch.float64).requires_grad_()
        with using(executor=executor, tile=(2, 2)):
            stats = pairs(a, b, temperature=t, score=negative_squared_distance(), row=[lse()])
        (grad,) = torch.autograd.grad(stats.row[0].sum(), t)
        wanted = ((-far / t[:, None]).softmax(1) * far).sum(1) / t**2
        assert difference(grad, wanted.detach()) < 1e-12
