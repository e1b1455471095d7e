"""How views that stay together bound the error of the nearest class centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.bounds.theorems import Bound
from dipole.evaluation.encoding import unit

SIGMAS = (1.0, 0.99, 0.95, 0.9, 0.8, 0.7, 0.5)
EPSILONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
# Two views of two examples each meet: (views x examples of a class)^2 distances.
MOST = 100_000_000


def nearest_centre_bound(
    views: Any,
    labels: Any,
    *,
    sigmas: Sequence[float] = SIGMAS,
    epsilons: Sequence[float] = EPSILONS,
) -> Bound:
    """Alignment, concentration and far centres bound the error of the nearest class centre.

        d_A(x, x')  = min over their views of |f(.) - f(.)|
        C_k0        the share sigma of class k that lies closest together, D: its largest d_A
        R           share of examples with two views further apart than epsilon
        q_k         = sigma_k - R_k,   R_k: share of class k that spreads so
        rho         = max_k 2 (1 - q_k) + q_k (D + 2 epsilon)
        if mu_k . mu_l < 1 - rho - sqrt(2 rho) - (1 - min_j |mu_j|^2) / 2   for all k != l,
        error      <= (1 - sigma) + R        (share of examples with any view misplaced)

    with unit vectors f and mu_k the mean over all views of class k. The best of all given sigma and
    epsilon; 1 where the condition never holds, which is the rule for all but collapsed classes.
    (Huang et al. 2023, arXiv 2111.00743; D is measured between vectors, where the paper has the
    Lipschitz constant times the distance of inputs, and every constant is that of the proof: a
    view of an example of C_k0 that does not spread is within D + 2 epsilon of every view of a share
    q_k of its class, so f . mu_k >= 1 - rho, |f - mu_k| <= sqrt(2 rho).)

    Args: views (v, n, d), v views of n examples, normalised here; labels (n,), two or more
    classes. Trivial: the error of who always names the most frequent class.
    """
    f = np.asarray(views, dtype=np.float64)
    if f.ndim != 3 or f.size == 0 or not np.isfinite(f).all():
        raise InputError(f"bound: views have shape {f.shape}; expected finite (v, n, d)")
    names, which = np.unique(np.asarray(labels), return_inverse=True)
    n = len(f[0])
    if which.shape != (n,):
        raise InputError(f"bound: {len(which)} labels of {n} examples; expected as many")
    if len(names) < 2:
        raise InputError("bound: all labels are the same; expected at least 2 classes")
    counts = np.bincount(which)
    if (counts.max() * len(f)) ** 2 > MOST:
        raise InputError(
            f"bound: {counts.max()} examples of one class in {len(f)} views; expected at most "
            f"{int(MOST**0.5) // len(f)} (take a sample)"
        )
    f = unit(f.reshape(-1, f.shape[-1])).reshape(f.shape)
    means = np.stack([f[:, which == c].mean((0, 1)) for c in range(len(names))])
    cosines = means @ means.T
    nearest = ((f[:, :, None] - means) ** 2).sum(-1).argmin(-1)
    measured = float((nearest != which).any(0).mean())
    spread = np.array([_distances(f[:, [i]], f[:, [i]]).max() for i in range(n)])
    closest = np.where(np.eye(len(names), dtype=bool), -np.inf, cosines).max()
    room = 1 - (1 - np.diag(cosines).min()) / 2 - closest  # rho + sqrt(2 rho) must stay below

    orders = [_by_closeness(f[:, which == c]) for c in range(len(names))]
    best, chosen = 1.0, (float("nan"),) * 3
    least = np.inf
    for sigma in sigmas:
        kept = np.maximum(1, np.ceil(sigma * counts - 1e-9)).astype(int)
        diameter = max(widths[size - 1] for widths, size in zip(orders, kept, strict=True))
        for epsilon in epsilons:
            spreads = np.bincount(which, spread > epsilon) / counts
            q = np.maximum(0, kept / counts - spreads)
            rho = float((2 * (1 - q) + q * (diameter + 2 * epsilon)).max())
            least = min(least, rho)
            error = 1 - kept.sum() / counts.sum() + (spread > epsilon).mean()
            if rho + np.sqrt(2 * rho) < room and error < best:
                best, chosen = float(error), (sigma, epsilon, rho)
    return Bound(
        theorem="nearest class centre (after Huang et al. 2023)",
        measured=measured,
        value=best,
        trivial=float(1 - counts.max() / counts.sum()),
        assumptions=(
            "the classes' laws are the given examples, an example's views the given ones",
            "its condition on the centres holds" if best < 1 else "its condition does not hold",
        ),
        parts={
            "sigma": chosen[0],
            "epsilon": chosen[1],
            "rho": chosen[2],
            "smallest rho of any sigma, epsilon": float(least),
            "room: rho + sqrt(2 rho) must be below": float(room),
            "largest cosine product of centres": float(closest),
            "alignment": float((spread**2).mean()),
        },
    )


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """|a_i - b_j| of all views of some examples, (va * na, vb * nb)."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a.reshape(-1, a.shape[2]), b.reshape(-1, b.shape[2])))


def _by_closeness(f: np.ndarray) -> np.ndarray:
    """Largest d_A among the s examples closest to the class medoid, for s = 1, 2, ..."""
    v, n, _ = f.shape
    every = _distances(f, f).reshape(v, n, v, n).min((0, 2))
    order = np.argsort(every[every.mean(1).argmin()], kind="stable")
    inside = every[np.ix_(order, order)]
    return np.maximum.accumulate(np.maximum.accumulate(inside, 0), 1).diagonal()
