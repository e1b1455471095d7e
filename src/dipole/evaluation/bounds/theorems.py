"""What the theorems of contrastive learning say about a run: both sides, in numbers.

Every function gives a `Bound`: the measured left side, the bound on it, what has to be assumed, and
whether the bound says more than one knew without any training (vacuous if not).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.geometry.space import vectors_checked

# Triples (x, x+, x-) that are summed one by one; of more a random sample.
TRIPLES = 20_000_000
DRAWN = 2_000_000
LN2 = math.log(2)


@dataclass(frozen=True)
class Bound:
    """measured <= value, under the assumptions.

    trivial: what holds without learning anything; `vacuous` where the bound is not below it.
    error: standard error of `value` where it was sampled, 0 where it is exact. parts: the numbers
    it is made of.
    """

    theorem: str
    measured: float
    value: float
    trivial: float
    assumptions: tuple[str, ...]
    error: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def vacuous(self) -> bool:
        """Whether the bound says no more than one knew before."""
        return not self.value < self.trivial

    @property
    def holds(self) -> bool | None:
        """Whether the numbers agree with the theorem (3 standard errors); None: not measured."""
        if math.isnan(self.measured):
            return None
        return self.measured <= self.value + 3 * self.error + 1e-9 * abs(self.value)

    def lines(self) -> list[str]:
        """For people."""
        about = "vacuous: no better than" if self.vacuous else "better than"
        left = "not measured" if math.isnan(self.measured) else f"{self.measured:.4f}"
        more = f" (standard error {self.error:.4f})" if self.error else ""
        return [
            f"{self.theorem}: {left} <= {self.value:.4f}{more}, {about} {self.trivial:.4f}",
            *(f"  {name} = {number:.4f}" for name, number in self.parts.items()),
            *(f"  assumes {line}" for line in self.assumptions),
        ]


def mean_classifier_bound(vectors: Any, labels: Any, *, seed: int = 0) -> Bound:
    """The contrastive loss bounds the loss of the mean classifier, on average over binary tasks.

        L_un  = E log2(1 + exp(-f(x).(f(x+) - f(x-)))),   x, x+ of class c ~ rho, x- of class ~ rho
        L_sup = E_{c != c'} E_{x of c} log2(1 + exp(-f(x).(mu_c - mu_c'))),   mu: class means
        tau   = P(c = c') = sum_c rho_c^2
        L_sup <= (L_un - tau) / (1 - tau)

    The latent classes are the labels and their laws the given vectors, drawn with replacement, so
    that the inequality is exact here and no sample of anything; above 20 million triples L_un is
    the mean of 2 million drawn ones and has a standard error. parts: tau; L_un, and its halves with
    x- of another class and of the same; s(f), the spread inside the classes that the second half
    pays for; the accuracy of the mean classifier over the binary tasks.
    (Arora et al. 2019, arXiv 1902.09229.)

    Args: vectors (n, d), used as they are (normalise them if the loss did); labels (n,), two or
    more classes. Trivial: 1, the loss of vectors that are all 0.

    >>> round(mean_classifier_bound(3 * np.eye(2), [0, 1]).value, 6)  # log2(1 + exp(-9))
    0.000178
    """
    x = vectors_checked(vectors).astype(np.float64)
    names, which = np.unique(np.asarray(labels), return_inverse=True)
    if which.shape != (len(x),):
        raise InputError(f"bound: {which.shape[0]} labels of {len(x)} vectors; expected as many")
    k = len(names)
    if k < 2:
        raise InputError("bound: all labels are the same; expected at least 2 classes")
    counts = np.bincount(which).astype(np.float64)
    rho = counts / len(x)
    tau = float(rho @ rho)
    means = np.zeros((k, x.shape[1]))
    np.add.at(means, which, x)
    means /= counts[:, None]

    # log2(1 + exp(-(own - other))) for every vector and every other class.
    scores = x @ means.T
    margins = scores[np.arange(len(x)), which][:, None] - scores
    losses = np.logaddexp(0, -margins) / LN2
    task = rho[None, :] / ((1 - tau) * len(x))  # rho_c rho_c' / (1 - tau), x uniform inside c
    apart = which[:, None] != np.arange(k)
    weight = np.where(apart, task, 0)
    measured = float((weight * losses).sum())
    accuracy = float((weight * ((margins > 0) + (margins == 0) / 2)).sum())

    same, other, error = _contrastive_loss(x, which, counts, tau, seed)
    unsupervised = tau * same + (1 - tau) * other
    return Bound(
        theorem="mean classifier (Arora et al. 2019)",
        measured=measured,
        value=float((unsupervised - tau) / (1 - tau)),
        trivial=1.0,
        error=error / (1 - tau),
        assumptions=(
            "positives are two independent draws from one class, negatives from the class prior",
            "the classes are the given labels, their laws the given vectors",
        ),
        parts={
            "tau": tau,
            "L_un": unsupervised,
            "L_un, x- of another class": other,
            "L_un, x- of the same class": same,
            "s(f)": _spread(x, which, counts, means),
            "accuracy of the mean classifier": accuracy,
        },
    )


def _contrastive_loss(
    x: np.ndarray, which: np.ndarray, counts: np.ndarray, tau: float, seed: int
) -> tuple[float, float, float]:
    """E of the loss with x- of the same class, of another class, and the error of their mix."""
    if (counts**2).sum() * len(x) <= TRIPLES:
        total = np.zeros(2)  # another class, the same
        for c in range(len(counts)):
            inside = x[which == c]
            for anchor in inside:
                near, far = inside @ anchor, x @ anchor
                losses = np.logaddexp(0, far[None, :] - near[:, None]).sum(0) / LN2 / len(inside)
                alike = which == c
                total += losses[~alike].sum(), losses[alike].sum()
        n = len(x)
        return float(total[1] / (n * n * tau)), float(total[0] / (n * n * (1 - tau))), 0.0
    order = np.argsort(which, kind="stable")
    start = np.cumsum(counts).astype(np.int64) - counts.astype(np.int64)
    rng = np.random.default_rng(seed)
    found = np.empty(DRAWN)
    alike = np.empty(DRAWN, dtype=bool)
    for begin in range(0, DRAWN, 10_000):
        size = min(10_000, DRAWN - begin)
        a, far = rng.integers(0, len(x), (2, size))
        c = which[a]
        near = order[start[c] + (rng.random(size) * counts[c]).astype(np.int64)]
        margin = ((x[near] - x[far]) * x[a]).sum(1)
        found[begin : begin + size] = np.logaddexp(0, -margin) / LN2
        alike[begin : begin + size] = c == which[far]
    same, other = found[alike], found[~alike]
    # Each half was drawn by itself, the shares tau and 1 - tau are known.
    error = math.hypot(
        tau * same.std() / math.sqrt(max(1, len(same))),
        (1 - tau) * other.std() / math.sqrt(max(1, len(other))),
    )
    return float(same.mean()) if len(same) else 1.0, float(other.mean()), error


def _spread(x: np.ndarray, which: np.ndarray, counts: np.ndarray, means: np.ndarray) -> float:
    """s(f) = E_c [ sqrt(largest eigenvalue of Cov_c f) E_c |f| ]."""
    total = 0.0
    for c, count in enumerate(counts):
        inside = x[which == c]
        largest = np.linalg.norm(inside - means[c], 2) / math.sqrt(count)
        total += count / len(x) * largest * np.linalg.norm(inside, axis=1).mean()
    return float(total)
