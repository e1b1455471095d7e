"""How one cloud of vectors fills its space: uniformity, isotropy, spectrum and rank.

What is a sum over vectors (means, second moments) is exact for any number of them and read block by
block. What is a sum over pairs (uniformity) is exact up to `PAIR_ROWS` vectors and of a random
sample of that many beyond.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import unit

ROWS = 8192
# All pairs of so many: 400 million, some seconds.
PAIR_ROWS = 20_000


def vectors_checked(vectors: np.ndarray, name: str = "vectors", least: int = 2) -> np.ndarray:
    """(n, d) finite numbers, at least two vectors, or an InputError."""
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise InputError(f"geometry: {name} have shape {vectors.shape}; expected (n, d)")
    if len(vectors) < least:
        raise InputError(f"geometry: found {len(vectors)} {name}; expected at least {least}")
    for start in range(0, len(vectors), ROWS):
        bad = np.flatnonzero(~np.isfinite(vectors[start : start + ROWS]).all(1))
        if len(bad):
            raise InputError(
                f"geometry: {name}: row {start + bad[0]} holds a value that is not finite"
            )
    return vectors


def uniformity(
    *clouds: np.ndarray, t: float = 2.0, rows: int = PAIR_ROWS, seed: int = 0
) -> tuple[float, int]:
    """How evenly unit vectors lie on the sphere, lower is more, and the number of pairs used.

        U = log( mean_{i != j} exp(-t ||x_i - x_j||^2) )

    Never with i = j, which would add a constant and hide collapse: 0 is collapse, its largest
    value. Vectors (n, d), of one or several arrays as if they were one, are normalised. Beyond
    `rows` vectors a random sample of them.
    (Wang and Isola 2020, arXiv 2005.10242.)

    >>> round(uniformity(np.eye(3))[0], 6)
    -4.0
    """
    import torch

    from dipole.kernels import lse, off_diagonal, pairs

    if not t > 0:
        raise InputError(f"uniformity: t is {t}; expected a number above 0")
    chosen = sample(sum(map(len, clouds)), rows, seed)
    if len(chosen) < 2:
        raise InputError(f"uniformity: found {len(chosen)} vector; expected at least 2")
    parts = []
    for cloud in clouds:
        parts.append(unit(np.asarray(cloud[chosen[(chosen >= 0) & (chosen < len(cloud))]])))
        chosen = chosen - len(cloud)
    x = torch.from_numpy(np.concatenate(parts))
    with torch.no_grad():
        (energy,) = pairs(x, x, temperature=1 / (2 * t), all=[lse(mask=off_diagonal())]).all
    count = len(chosen) * (len(chosen) - 1)
    return energy.item() - math.log(count) - 2 * t, count // 2


def uniformity_floor(d: int, t: float = 2.0) -> float:
    """The uniformity of the uniform law on the unit sphere of R^d, the lowest of any law.

        log E exp(-t ||x - y||^2) = log 0F1(; d/2; t^2) - 2 t

    The lowest for infinitely many vectors: n <= d + 1 of them can be a little further apart, and a
    sample of the uniform law scatters around it. Approaches -2 t from above in many dimensions.

    >>> round(uniformity_floor(128), 4), round(uniformity_floor(1), 4)
    (-3.9375, -0.6928)
    """
    if d < 1 or not t > 0:
        raise InputError(f"uniformity floor: d is {d}, t is {t}; expected d >= 1 and t > 0")
    # Every term of the series is positive: summed in log space it loses nothing. The terms fall
    # once k (k + d/2) > t^2.
    k = np.arange(1, int(2 * t) + 200)
    terms = np.cumsum(2 * math.log(t) - np.log(k) - np.log(d / 2 + k - 1))
    return float(np.logaddexp.reduce(np.r_[0.0, terms])) - 2 * t


@dataclass(frozen=True)
class Moments:
    """What one pass over the vectors finds, float64: of them as they are, and of unit length."""

    n: int
    unit_sum: np.ndarray  # (d,)
    unit_gram: np.ndarray  # (d, d), sum of x x^T
    raw_sum: np.ndarray
    raw_gram: np.ndarray
    zeros: int  # vectors of length 0

    @classmethod
    def of(cls, *clouds: np.ndarray) -> Moments:
        """Of one or several arrays (n, d) as if they were one."""
        d = clouds[0].shape[1]
        total = cls(0, np.zeros(d), np.zeros((d, d)), np.zeros(d), np.zeros((d, d)), 0)
        for raw in blocks(*clouds):
            x = unit(raw)
            total = cls(
                total.n + len(raw),
                total.unit_sum + x.sum(0),
                total.unit_gram + x.T @ x,
                total.raw_sum + raw.sum(0),
                total.raw_gram + raw.T @ raw,
                total.zeros + int((~raw.any(1)).sum()),
            )
        return total


def average_cosine(moments: Moments) -> float:
    """Mean cosine of all pairs i != j: 0 for directions that cancel, 1 for one direction.

    (|sum_i x_i|^2 - sum_i |x_i|^2) / (n (n - 1)), exact for any n. The first definition of
    (an)isotropy. (Ethayarajh 2019, arXiv 1909.00512.)
    """
    n = moments.n
    total = moments.unit_sum @ moments.unit_sum - np.trace(moments.unit_gram)
    return float(total / (n * (n - 1)))


def partition_isotropy(*clouds: np.ndarray, moments: Moments | None = None) -> float:
    """The ratio of the least to the largest partition function over directions, in (0, 1].

        I = min_c Z(c) / max_c Z(c),   Z(c) = sum_i exp(c . x_i)

    c: the eigenvectors of sum_i x_i x_i^T and their opposites. Here x_i have length 1 and are not
    centred, so that I does not depend on the vectors' scale; 1 is isotropic. The second definition.
    (Mu and Viswanath 2018, arXiv 1702.01417.)
    """
    moments = moments or Moments.of(*clouds)
    directions = np.linalg.eigh(moments.unit_gram)[1]
    z = np.zeros((2, len(directions)))
    for raw in blocks(*clouds):
        along = unit(raw) @ directions
        z += np.exp([along, -along]).sum(1)  # |c . x| <= 1
    return float(z.min() / z.max())


def iso_score(moments: Moments) -> float:
    """How evenly the variance is spread over the dimensions: 0 is one direction, 1 all alike.

        v: eigenvalues of the covariance,   v^ = sqrt(d) v / |v|,
        delta^2 = |v^ - 1|^2 / (2 (d - sqrt(d))),   phi = (d - delta^2 (d - sqrt(d)))^2 / d^2,
        score = (d phi - 1) / (d - 1)

    A move or another scale of the vectors does not change it. nan for one dimension or where all
    vectors are the same. The third definition. (Rudman et al. 2022, arXiv 2108.07344.)
    """
    n, d = moments.n, len(moments.raw_sum)
    mean = moments.raw_sum / n
    v = _eigenvalues(moments.raw_gram / n - np.outer(mean, mean), np.trace(moments.raw_gram) / n)
    if d == 1 or not v.any():
        return math.nan
    v = math.sqrt(d) * v / np.linalg.norm(v)
    defect = ((v - 1) ** 2).sum() / (2 * (d - math.sqrt(d)))
    phi = (d - defect * (d - math.sqrt(d))) ** 2 / d**2
    return float((d * phi - 1) / (d - 1))


def singular_values(gram: np.ndarray) -> np.ndarray:
    """Those of the matrix Z (n, d) whose Z^T Z is given, largest first.

    Below 1e-7 of the largest they are what rounding leaves of zeros, and are set to 0.
    """
    return np.sqrt(_eigenvalues(gram, 0.0))


def effective_rank(singular: np.ndarray) -> float:
    """exp of the entropy of the singular values: 1 for one direction, d for d equal ones.

        exp( - sum_k p_k log p_k ),   p_k = s_k / sum s,   0 log 0 = 0

    Of unit vectors it is the effective rank of Roy and Vetterli (EUSIPCO 2007), of vectors as they
    are it is RankMe (Garrido et al. 2023, arXiv 2210.02885), without the paper's added 1e-7. nan
    where all are 0.

    >>> round(effective_rank(np.array([2.0, 2.0, 0.0])), 12)
    2.0
    """
    total = singular.sum()
    if not total > 0:
        return math.nan
    p = singular[singular > 0] / total
    return float(np.exp(-(p * np.log(p)).sum()))


def blocks(*clouds: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of all arrays as float64, 8,192 at a time."""
    for cloud in clouds:
        for start in range(0, len(cloud), ROWS):
            yield np.asarray(cloud[start : start + ROWS], dtype=np.float64)


def sample(n: int, size: int, seed: int) -> np.ndarray:
    """All row numbers, or `size` of them at random, in order."""
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def _eigenvalues(matrix: np.ndarray, scale: float) -> np.ndarray:
    """Largest first; what rounding leaves of zeros (beside the largest and `scale`) is 0."""
    values = np.linalg.eigvalsh(matrix)[::-1]
    noise = len(values) * np.finfo(float).eps * max(values[0], scale, 0.0)
    return np.where(values > noise, values, 0.0)
