"""MaxSim is the loop over tokens, its gradient exact, and its memory a tile's."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dipole.errors import InputError
from dipole.kernels.maxsim import maxsim, maxsim_pairs
from dipole.kernels.topk_maxsim import maxsim_scores, top_k_maxsim

RNG = np.random.default_rng(0)


def lists(count, most):
    return [RNG.normal(size=(RNG.integers(1, most), 5)).astype("f4") for _ in range(count)]


def padded(texts):
    width = max(map(len, texts))
    mask = torch.tensor([[i < len(x) for i in range(width)] for x in texts])
    # What stands at padding is larger than any token: it must never be the best.
    rows = [np.concatenate([x, np.full((width - len(x), 5), 99, "f4")]) for x in texts]
    return torch.from_numpy(np.stack(rows)), mask


def loop(queries, documents):
    return np.array(
        [[sum(max(float(a @ b) for b in d) for a in q) for d in documents] for q in queries]
    )


@pytest.mark.parametrize("products", [1, 40, 2**20])
def test_it_is_the_loop_over_tokens_whatever_is_computed_together(products):
    queries, documents = lists(4, 5), lists(6, 7)
    (q, q_mask), (d, d_mask) = padded(queries), padded(documents)
    wanted = loop(queries, documents)
    found = maxsim(q, d, q_mask, d_mask, products=products)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    own = maxsim_pairs(q, d[:4], q_mask, d_mask[:4], products=products)
    np.testing.assert_allclose(own, wanted.diagonal(), atol=1e-5)
    tokens, starts = np.concatenate(documents), np.cumsum([0, *map(len, documents)])
    found = maxsim_scores(queries, tokens, starts, products=products)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_gradient_is_that_of_the_whole_tensor():
    (q, q_mask), (d, d_mask) = padded(lists(4, 5)), padded(lists(6, 7))
    weights = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    grads = []
    for tiled in (False, True):
        x, y = q.clone().requires_grad_(), d.clone().requires_grad_()
        if tiled:
            scores = maxsim(x, y, q_mask, d_mask, products=60)
        else:
            products = torch.einsum("ntd,msd->ntms", x, y)
            best = products.masked_fill(~d_mask, -torch.inf).amax(3)
            scores = (best * q_mask[:, :, None]).sum(1)
        grads.append(torch.autograd.grad((scores * weights).sum(), [x, y]))
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


class Largest(TorchDispatchMode):
    """The most numbers of a tensor that was computed."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for x in found if isinstance(found, tuple | list) else [found]:
            if isinstance(x, torch.Tensor):
                self.size = max(self.size, x.numel())
        return found


def test_no_tensor_of_all_products_exists_forwards_or_backwards():
    q = torch.randn(32, 16, 4, requires_grad=True)
    d = torch.randn(64, 16, 4, requires_grad=True)
    with Largest() as seen:
        maxsim(q, d, products=4096).sum().backward()
    assert seen.size <= 4096 < 32 * 64 * 16 * 16


def test_half_precision_is_summed_in_float32():
    q, d = torch.randn(2, 4, 8), torch.randn(3, 5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = maxsim(q, d)
    assert found.dtype == torch.float32
    assert torch.equal(found, maxsim(q, d))
    assert maxsim(q.bfloat16(), d.bfloat16()).dtype == torch.float32


def test_the_best_come_first_and_of_equal_ones_the_first():
    queries, documents = lists(3, 4), lists(9, 5)
    documents[7] = documents[2]
    wanted = loop(queries, documents)
    blocks = [
        (np.concatenate(part), np.cumsum([0, *map(len, part)]))
        for part in (documents[:4], documents[4:])
    ]
    scores, places = top_k_maxsim(queries, blocks, 20)
    for row, found, order in zip(wanted, scores, places, strict=True):
        assert order.tolist() == sorted(range(9), key=lambda j: (-round(row[j], 4), j))
        np.testing.assert_allclose(found, row[order], atol=1e-5)
    assert top_k_maxsim(queries, blocks, 2)[1].tolist() == places[:, :2].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(2, 3), torch.ones(2, 3, 4)), "queries have shape"),
        ((torch.ones(2, 3, 4), torch.ones(2, 3, 5)), "tokens of 4 and 5 numbers"),
        ((torch.ones(2, 3, 4), torch.ones(2, 3, 4), torch.ones(2, 2)), "the mask of queries"),
        (
            (torch.ones(2, 3, 4), torch.ones(2, 3, 4), None, torch.zeros(2, 3)),
            "a document without any token",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        maxsim(*arguments)
