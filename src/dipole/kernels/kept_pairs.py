"""Who takes part: the pairs of a tile that a mask keeps, said in the cheapest way.

Where a mask is False a number is replaced, by 0 in a sum, by -inf under an exponential. On a CPU
`masked_fill` and `where` cost more per pair than four exponentials; few positions cost nothing,
and many are blanked out in the numbers' bits, at a fifth of the price.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


class Keep:
    """The pairs that take part in a tile."""

    def fill_(self, values: Tensor, outside: float) -> Tensor:
        """`values`, a contiguous tile, with `outside` in place of what takes no part."""
        raise NotImplementedError

    def fill(self, values: Tensor, outside: float) -> Tensor:
        """The same as a new tensor."""
        if values.requires_grad:
            return self.fill_for_autograd(values, outside)
        return self.fill_(values.clone(memory_format=torch.contiguous_format), outside)

    def fill_for_autograd(self, values: Tensor, outside: float) -> Tensor:
        """`fill`, differentiable as often as one likes."""
        return values.masked_fill(~self.tile(values.shape, values.device), outside)

    def cut(self, score: Tensor) -> Tensor:
        """The scores, without a way back for what takes no part."""
        return torch.where(self.tile(score.shape, score.device), score, score.detach())

    def tile(self, shape: torch.Size, device: torch.device) -> Tensor:
        """True where a pair takes part."""
        return self.fill_(torch.ones(shape, dtype=torch.bool, device=device), False)

    def meet(self, more: Tensor) -> Keep:
        """Those for which `more`, a tile of bools, is True as well."""
        return These(self.fill(more, False))

    def flat(self) -> Keep:
        """The same pairs where a tile is laid out as one row."""
        return self


class AllBut(Keep):
    """All but a few, by their positions in the flattened tile."""

    def __init__(self, positions: Tensor) -> None:
        self.positions = positions

    def fill_(self, values: Tensor, outside: float) -> Tensor:
        values.view(-1).index_fill_(0, self.positions, outside)
        return values

    def fill_for_autograd(self, values: Tensor, outside: float) -> Tensor:
        return values.reshape(-1).index_fill(0, self.positions, outside).view(values.shape)

    def cut(self, score: Tensor) -> Tensor:
        flat = score.reshape(-1)
        fixed = flat.detach()[self.positions]
        return flat.index_copy(0, self.positions, fixed).view(score.shape)


class Only(Keep):
    """None but a few, by their positions in the flattened tile."""

    def __init__(self, positions: Tensor) -> None:
        self.positions = positions

    def fill_(self, values: Tensor, outside: float) -> Tensor:
        flat = values.view(-1)
        kept = flat[self.positions]
        flat.fill_(outside)[self.positions] = kept
        return values


class These(Keep):
    """Where a tile of bools is True."""

    def __init__(self, where: Tensor) -> None:
        self.where = where
        self._kept: Tensor | None = None

    def fill_(self, values: Tensor, outside: float) -> Tensor:
        bits = _BITS.get(values.dtype)
        if bits is None:
            return values.masked_fill_(~self.where, outside)
        if self._kept is None or self._kept.dtype is not bits:
            self._kept = self.where.contiguous().view(torch.uint8).to(bits).neg_()
        inside = values.view(bits).bitwise_and_(self._kept)
        if outside:
            inside.bitwise_or_((~self._kept).bitwise_and_(_bits_of(outside, values.dtype)))
        return values

    def flat(self) -> Keep:
        return These(self.where.reshape(1, -1))


@cache
def _bits_of(value: float, dtype: torch.dtype) -> int:
    return int(torch.tensor(value, dtype=dtype, device="cpu").view(_BITS[dtype]))
