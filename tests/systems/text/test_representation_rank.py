"""The entropy of a batch's directions against NumPy's singular values and known frames."""

import numpy as np
import pytest
import torch

from dipole.systems.text.representation_rank import VonNeumann
from support import distributed


@pytest.mark.parametrize(("n", "d"), [(7, 4), (3, 9), (5, 5)])
def test_it_is_the_entropy_of_squared_singular_values(n, d):
    torch.manual_seed(0)
    x = torch.randn(n, d, dtype=torch.double)
    z = x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True)
    e = np.linalg.svd(z, compute_uv=False) ** 2 / n
    np.testing.assert_allclose(VonNeumann()(x).item(), -(e * np.log(e)).sum(), rtol=1e-10)
    assert torch.autograd.gradcheck(VonNeumann(), x.requires_grad_())


def test_so_many_directions_as_there_are():
    frame = torch.linalg.qr(torch.randn(6, 6))[0]
    for k in (1, 2, 5):
        rows = frame[:k].repeat(4, 1)
        np.testing.assert_allclose(VonNeumann()(rows).exp().item(), k, rtol=1e-4)


def test_fewer_rows_than_dimensions_in_single_precision():
    torch.manual_seed(0)
    x = torch.randn(8, 384)
    single = x.clone().requires_grad_()
    (own,) = torch.autograd.grad(VonNeumann()(single), single)
    double = x.double().requires_grad_()
    (wanted,) = torch.autograd.grad(VonNeumann()(double), double)
    assert own.isfinite().all()
    torch.testing.assert_close(own.double(), wanted, rtol=1e-3, atol=1e-5 * wanted.abs().max())


def test_two_processes_see_one_batch():
    torch.manual_seed(0)
    x = torch.randn(6, 4, dtype=torch.double)
    found = distributed.run(2, halves, x.tolist())
    whole = x.clone().requires_grad_()
    value = VonNeumann()(whole)
    (slope,) = torch.autograd.grad(value, whole)
    assert all(abs(one - value.item()) < 1e-10 for one, _ in found)
    together = torch.cat([torch.tensor(own, dtype=torch.double) for _, own in found])
    torch.testing.assert_close(together / 2, slope)  # each is averaged over the processes


def halves(x):
    distributed.enter()
    rank = torch.distributed.get_rank()
    own = torch.tensor(x, dtype=torch.double).chunk(2)[rank].requires_grad_()
    value = VonNeumann()(own)
    (slope,) = torch.autograd.grad(value, own)
    return value.item(), slope.tolist()
