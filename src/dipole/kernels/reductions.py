"""How each statistic is gathered tile by tile, and what it sends back to a tile.

A reduction has four faces:

    start / update / finish   the running state of n results while tiles pass by, in place
    gradient                  d(loss)/d(values), d(loss)/d(weight) on one tile, recomputed
    whole                     the same number from values that are all there, by plain autograd
    merge                     the results of several processes made one
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from dipole.kernels.kept_pairs import Keep, These

LOG2E = math.log2(math.e)
INF = math.inf


class Piece(NamedTuple):
    """What a reduction sees: (b, c) tiles, and the dimension that it removes."""

    values: Tensor
    keep: Keep | None = None
    weight: Tensor | None = None
    dim: int = 0
    first: int = 0  # the position of the tile's first element along that dimension
    learnt: bool = False  # whether the weight takes a gradient
    some: bool = False  # whether a finite value is known to be left in every row and column

    @property
    def size(self) -> int:
        return self.values.shape[self.dim]

    @property
    def taking_part(self) -> Keep | None:
        """A pair of weight 0 does not take part: it must not decide the running maximum."""
        if self.weight is None:
            return self.keep
        heavy = self.weight > 0
        return These(heavy) if self.keep is None else self.keep.meet(heavy)


class Gradient(NamedTuple):
    """What a reduction sends back to the values and to the weights; None is nothing."""

    values: Tensor | None
    weight: Tensor | None = None


class Reduction:
    """A statistic's arithmetic; `k` is for `top` alone."""

    # Whether a gradient comes back to the values.
    differentiable = True

    def __init__(self, k: int = 0) -> None:
        self.k = k

    def start(self, n: int, like: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def update(self, state: list[Tensor], piece: Piece) -> None:
        raise NotImplementedError

    def finish(self, state: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        raise NotImplementedError

    def gradient(
        self, piece: Piece, result: Tensor, index: Tensor | None, grad: Tensor
    ) -> Gradient:
        raise NotImplementedError

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        raise NotImplementedError

    def merge(self, results: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`results` (and `index`) of p processes, stacked in front."""
        return self.whole(Piece(results))


class LogSumExp(Reduction):
    """State: the largest value m so far and sum w e^(value - m)."""

    def start(self, n: int, like: Tensor) -> list[Tensor]:
        return [like.new_full((n,), -INF), like.new_zeros(n)]

    def update(self, state: list[Tensor], piece: Piece) -> None:
        peak, sums = state
        values = _outside(piece.values, piece.taking_part, -INF)
        higher = torch.maximum(peak, values.amax(piece.dim))
        shift = _finite(higher)
        terms = exp_(values - shift.unsqueeze(piece.dim))
        if piece.weight is not None:
            terms.mul_(piece.weight)
        sums.mul_(exp_(peak - shift)).add_(terms.sum(piece.dim))
        peak.copy_(higher)

    def finish(self, state: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        peak, sums = state
        return peak + sums.log(), None

    def gradient(
        self, piece: Piece, result: Tensor, index: Tensor | None, grad: Tensor
    ) -> Gradient:
        # An empty set has the result -inf and no gradient: e^(value - inf) = 0.
        result = result.masked_fill(result == -INF, INF)
        share = exp_(piece.values - result.unsqueeze(piece.dim)).mul_(grad.unsqueeze(piece.dim))
        taking_part = piece.taking_part
        if taking_part is not None:
            share = taking_part.fill_(share.contiguous(), 0)
        return Gradient(share) if piece.weight is None else Gradient(share * piece.weight, share)

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        dim = piece.dim
        if piece.size == 0:
            return piece.values.sum(dim) - INF, None
        if piece.some:
            return piece.values.logsumexp(dim), None
        values = _outside(piece.values, piece.taking_part, -INF)
        shift = _finite(values.detach().amax(dim))
        terms = (values - shift.unsqueeze(dim)).exp()
        sums = (terms if piece.weight is None else terms * piece.weight).sum(dim)
        empty = sums == 0
        return (sums.masked_fill(empty, 1).log() + shift).masked_fill(empty, -INF), None


class Total(Reduction):
    """State: the sum so far."""

    def start(self, n: int, like: Tensor) -> list[Tensor]:
        return [like.new_zeros(n)]

    def update(self, state: list[Tensor], piece: Piece) -> None:
        state[0].add_(self.whole(piece)[0])

    def finish(self, state: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        return state[0], None

    def gradient(
        self, piece: Piece, result: Tensor, index: Tensor | None, grad: Tensor
    ) -> Gradient:
        share = grad.unsqueeze(piece.dim).expand_as(piece.values)
        if piece.weight is None:
            return Gradient(share.clone() if piece.keep is None else piece.keep.fill(share, 0))
        return Gradient(
            _outside(share * piece.weight, piece.keep, 0),
            _outside(share * piece.values, piece.keep, 0) if piece.learnt else None,
        )

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        terms = piece.values if piece.weight is None else piece.values * piece.weight
        return _outside(terms, piece.keep, 0).sum(piece.dim), None


class Count(Total):
    """State: the sum of the weights so far; the values do not matter."""

    differentiable = False

    def gradient(
        self, piece: Piece, result: Tensor, index: Tensor | None, grad: Tensor
    ) -> Gradient:
        share = grad.unsqueeze(piece.dim).expand_as(piece.values)
        return Gradient(None, share.clone() if piece.keep is None else piece.keep.fill(share, 0))

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        terms = torch.ones_like(piece.values) if piece.weight is None else piece.weight
        return _outside(terms, piece.keep, 0).sum(piece.dim), None

    def merge(self, results: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return results.sum(0), None


class Maximum(Reduction):
    """State: the best value so far and where it is."""

    sign = 1

    def start(self, n: int, like: Tensor) -> list[Tensor]:
        return [like.new_full((n,), -INF), _nowhere((n,), like)]

    def update(self, state: list[Tensor], piece: Piece) -> None:
        best, index = state
        tile_best, tile_index = _outside(self.sign * piece.values, piece.keep, -INF).max(piece.dim)
        index.copy_(torch.where(tile_best > best, tile_index + piece.first, index))
        torch.maximum(best, tile_best, out=best)

    def finish(self, state: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        return self.sign * state[0], state[1]

    def gradient(
        self, piece: Piece, result: Tensor, index: Tensor | None, grad: Tensor
    ) -> Gradient:
        assert index is not None
        dim = piece.dim
        return Gradient(
            _place(piece.values, index.unsqueeze(dim), grad.unsqueeze(dim), dim, piece.first)
        )

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        if piece.size == 0:
            best = piece.values.sum(piece.dim) - self.sign * INF
            return best, _nowhere(best.shape, best)
        best, index = _outside(self.sign * piece.values, piece.keep, -INF).max(piece.dim)
        return self.sign * best, (index + piece.first).masked_fill(best == -INF, -1)

    def merge(self, results: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert index is not None
        best, process = (self.sign * results).max(0)
        return self.sign * best, index.gather(0, process[None])[0]


class Minimum(Maximum):
    """The maximum of the negated values."""

    sign = -1


class Peak(Reduction):
    """State: the best value so far. Without its place there is no gradient, and it is quick."""

    differentiable = False
    sign = 1

    def start(self, n: int, like: Tensor) -> list[Tensor]:
        return [like.new_full((n,), -INF)]

    def update(self, state: list[Tensor], piece: Piece) -> None:
        torch.maximum(state[0], self._best(piece), out=state[0])

    def finish(self, state: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        return self.sign * state[0], None

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        if piece.size == 0:
            return piece.values.detach().sum(piece.dim) - self.sign * INF, None
        return self.sign * self._best(piece), None

    def _best(self, piece: Piece) -> Tensor:
        values = piece.values.detach()
        return self.sign * (
            _outside(values, piece.keep, -INF).amax(piece.dim)
            if self.sign > 0
            else _outside(values, piece.keep, INF).amin(piece.dim)
        )


class Trough(Peak):
    """The peak of the negated values."""

    sign = -1


class Top(Reduction):
    """State: the k best so far, in decreasing order, and where they are."""

    def start(self, n: int, like: Tensor) -> list[Tensor]:
        return [like.new_full((n, self.k), -INF), _nowhere((n, self.k), like)]

    def update(self, state: list[Tensor], piece: Piece) -> None:
        best, index = state
        tile_best, tile_index = self.whole(piece)
        assert tile_index is not None
        both, where = torch.cat([best, tile_best], 1), torch.cat([index, tile_index], 1)
        top, chosen = both.topk(self.k, dim=1)
        best.copy_(top)
        index.copy_(where.gather(1, chosen))

    def finish(self, state: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        return state[0], state[1]

    def gradient(
        self, piece: Piece, result: Tensor, index: Tensor | None, grad: Tensor
    ) -> Gradient:
        assert index is not None
        values = _rows_first(piece.values, piece.dim)
        placed = _place(values, index, grad, 1, piece.first)
        return Gradient(_rows_first(placed, piece.dim))

    def whole(self, piece: Piece) -> tuple[Tensor, Tensor | None]:
        values = _rows_first(_outside(piece.values, piece.keep, -INF), piece.dim)
        best, index = values.topk(min(self.k, piece.size), dim=1)
        missing = self.k - best.shape[1]
        best = pad(best, (0, missing), value=-INF)
        index = pad(index + piece.first, (0, missing))
        return best, index.masked_fill(best == -INF, -1)

    def merge(self, results: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert index is not None
        processes, n, k = results.shape
        best, chosen = results.transpose(0, 1).reshape(n, processes * k).topk(k, dim=1)
        return best, index.transpose(0, 1).reshape(n, processes * k).gather(1, chosen)


REDUCTIONS: dict[str, type[Reduction]] = {
    "lse": LogSumExp,
    "total": Total,
    "count": Count,
    "maximum": Maximum,
    "minimum": Minimum,
    "peak": Peak,
    "trough": Trough,
    "top": Top,
}


def exp_(x: Tensor) -> Tensor:
    """e^x in place, as 2^(x log2 e): `exp` falls off a cliff where results underflow."""
    return x.mul_(LOG2E).exp2_()


def _outside(values: Tensor, keep: Keep | None, fill: float) -> Tensor:
    return values if keep is None else keep.fill(values, fill)


def _finite(peak: Tensor) -> Tensor:
    """The number to subtract: over an empty set nothing, so that -inf - (-inf) never happens."""
    return peak.masked_fill(peak.isinf(), 0)


def _nowhere(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.full(shape, -1, dtype=torch.int64, device=like.device)


def _rows_first(values: Tensor, dim: int) -> Tensor:
    return values if dim == 1 else values.t()


def _place(values: Tensor, index: Tensor, grad: Tensor, dim: int, first: int) -> Tensor:
    """Zeros shaped like `values` with `grad` at the positions `index` that lie in this tile."""
    size = values.shape[dim]
    here = (index >= first) & (index < first + size)
    return torch.zeros_like(values).scatter_add_(
        dim, (index - first).clamp_(0, size - 1), grad * here
    )
