"""Whitening: what comes out is white, and the gradient of the inverse root."""

import torch
from torch.autograd import gradcheck

from dipole.objectives.dimensions.whitening import cholesky_whiten, group_whiten, inverse_root


def test_cholesky_leaves_mean_0_and_covariance_1():
    x = torch.randn(64, 5, dtype=torch.float64) @ torch.randn(5, 5, dtype=torch.float64) + 3
    z = cholesky_whiten(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(5).double())
    torch.testing.assert_close(z.T @ z / 63, torch.eye(5).double())


def test_two_permutations_differ_and_resemble_each_other():
    x = torch.randn(256, 8) @ (torch.eye(8) + torch.randn(8, 8) / 4)
    first, second = (group_whiten(x, 2, torch.randperm(8)) for _ in range(2))
    alike = torch.nn.functional.cosine_similarity(first, second).mean()
    assert 0.8 < alike < 0.9999


def test_each_group_of_a_view_has_mean_0_and_covariance_1():
    x = torch.randn(64, 8, dtype=torch.float64) @ torch.randn(8, 8, dtype=torch.float64)
    order = torch.randperm(8)
    z = group_whiten(x, 2, order, epsilon=1e-9)
    for mine in order.view(2, 4):
        torch.testing.assert_close(z[:, mine].mean(0), torch.zeros(4).double())
        torch.testing.assert_close(z[:, mine].T @ z[:, mine] / 64, torch.eye(4).double())


def test_the_inverse_root_has_a_gradient_where_eigenvalues_are_equal():
    def symmetric(c):
        return inverse_root((c + c.mT) / 2)

    one = torch.eye(3, dtype=torch.float64)
    for c in (one, one + torch.diag(torch.tensor([0.0, 1.0, 2.0]))):
        assert gradcheck(symmetric, (c.clone().requires_grad_(),))
