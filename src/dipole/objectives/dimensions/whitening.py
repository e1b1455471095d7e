"""Whitening over a batch: mean 0 and covariance I, by Cholesky or by groups with ZCA."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.dimensions.moments import centred, cross, total_everywhere


def cholesky_whiten(x: Tensor) -> Tensor:
    """L^-1 (x - mean) with L L^T the covariance (it divides by n - 1) over all processes, (n, d).

    A covariance without full rank (n - 1 < d, or dimensions that depend on each other) is an
    InputError: it has no inverse.
    """
    x, size = centred(x)
    factor, info = torch.linalg.cholesky_ex(cross(x, x) / (size - 1).clamp(min=1))
    if size < 2 or int(info) or not bool(factor.isfinite().all()):
        raise InputError(
            f"anchor: found {int(size)} rows whose covariance has no full rank, "
            f"expected more than {x.shape[1]} that vary in every dimension"
        )
    return torch.linalg.solve_triangular(factor, x.T, upper=False).T


def group_whiten(
    x: Tensor, groups: int, permutation: Tensor, *, epsilon: float = 1e-5, through: bool = False
) -> Tensor:
    """ZCA of groups of dimensions: permuted, cut into `groups`, whitened, put back in order.

        C_g = Y_g^T Y_g / n,   Z_g = Y_g (C_g + epsilon I)^(-1/2),   Y centred,

    over all processes. The gradient takes the inverse root as a constant, or goes `through` it.
    Shapes: x (n, d), d a multiple of groups; permutation (d,).
    """
    n, d = x.shape
    y, size = centred(x[:, permutation])
    y = y.reshape(n, groups, d // groups).transpose(0, 1)
    used = y if through else y.detach()
    c = total_everywhere(used.transpose(1, 2) @ used) / size
    one = torch.eye(d // groups, dtype=c.dtype, device=c.device)
    z = y @ inverse_root(c + epsilon * one)
    return z.transpose(0, 1).reshape(n, d)[:, permutation.argsort()]


def inverse_root(c: Tensor) -> Tensor:
    """C^(-1/2) of symmetric positive definite matrices (..., m, m); its gradient is exact too
    where eigenvalues are equal, as those of a whitened batch are."""
    root: Tensor = _InverseRoot.apply(c)
    return root


class _InverseRoot(torch.autograd.Function):
    """With C = U diag(s) U^T: dC^(-1/2) = U (K * (U^T dC U)) U^T, K the divided differences

    (s_i^(-1/2) - s_j^(-1/2)) / (s_i - s_j) = -1 / (r_i r_j (r_i + r_j)), r = sqrt(s).
    """

    @staticmethod
    def forward(ctx: Any, c: Tensor) -> Tensor:
        s, u = torch.linalg.eigh(c)
        r = s.sqrt()
        ctx.save_for_backward(r, u)
        return (u / r[..., None, :]) @ u.mT

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        r, u = ctx.saved_tensors
        a, b = r[..., :, None], r[..., None, :]
        inside = u.mT @ grad @ u / -(a * b * (a + b))
        return u @ inside @ u.mT
