"""Random numbers that belong to the rows of a batch, not to the processes that share them.

Every draw of a training step is a function of (seed, step, row), the row's place in the batch of
all processes; so their number and the size of a piece (`--chunk`) change nothing. Three ways:

- `keys` gives every input a number, and `kept`, `uniform` are hashes of it and of a place;
- `RowGenerator` is a NumPy generator with a stream of its own for every row;
- `for_rows` draws for the whole batch, on every process alike, and takes the rows that are here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from dipole.data.same import splitmix64

# The feature that carries the key of every input, where an encoder asks for it.
DRAWS = "draws"

# The constants of splitmix64, and of a hash of 32 bits (lowbias32, Wellons 2018).
_STEP = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_STEP_32, _MIX_32 = -0x61C88647, (0x7FEB352D, -0x7B935975)


def keys(seed: Sequence[int], rows: np.ndarray, items: np.ndarray | None = None) -> Tensor:
    """A number for every row, (n,) int64; `items` numbers the inputs of a row that has several."""
    found = _mixed(rows.astype(np.uint64) + np.random.SeedSequence(seed).generate_state(1, "u8"))
    if items is not None:
        found = _mixed(found + items.astype(np.uint64))
    return torch.from_numpy(found.view(np.int64))


def again(features: dict[str, Tensor], number: int = 1) -> dict[str, Tensor]:
    """Features whose draws are others, by their number: for a second tower that is to see its own
    noise, or for one that encodes them several times. Number 0 leaves them as they are."""
    other = _signed(number * _STEP % 2**64)
    return {
        name: x ^ other if name.rpartition(".")[2] == DRAWS else x for name, x in features.items()
    }


def kept(keys: Tensor, starts: Tensor, count: int, p: float) -> Tensor:
    """Which elements of every row stay, (count,) bool, each with probability 1 - p.

    keys (n,), starts (n,): where each row's elements begin among the `count`. An element's fate is
    a hash of its row's key and of its place in the row.
    """
    lengths = torch.diff(starts, append=starts.new_tensor([count]))
    first = (keys.int() - starts.int() * _STEP_32).repeat_interleave(lengths, output_size=count)
    x = torch.arange(count, dtype=torch.int32, device=keys.device).mul_(_STEP_32).add_(first)
    x ^= x >> 16 & 0xFFFF
    x *= _MIX_32[0]
    x ^= x >> 15 & 0x1FFFF
    x *= _MIX_32[1]  # its highest bits decide: the last shift, for the lowest, is left out
    return x < round((0.5 - p) * 2**32)


def uniform(keys: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for every row, (n, count) float64, hashes of key and place."""
    place = torch.arange(count, dtype=torch.int64, device=keys.device)
    x = keys[:, None] + place * _signed(_STEP)
    for shift, factor in ((30, _MIX[0]), (27, _MIX[1])):
        x = (x ^ (x >> shift & (1 << 64 - shift) - 1)) * _signed(factor)
    return ((x ^ (x >> 31 & (1 << 33) - 1)) >> 11 & (1 << 53) - 1) * 2.0**-53


class RowGenerator(np.random.Generator):
    """A generator whose stream is a function of a seed and a row: `generator.row(i)` moves to it.

    Rows are counted from `start`, the place of the first in the batch of all processes. Nobody's
    move: the stream of the first row.
    """

    def __init__(self, seed: Sequence[int], start: int = 0) -> None:
        bits = np.random.Philox(key=np.random.SeedSequence(seed).generate_state(2, np.uint64))
        super().__init__(bits)
        self.start = start
        self._state: dict[str, Any] = dict(bits.state)
        self.row(0)

    def row(self, index: int) -> RowGenerator:
        """At the beginning of a row's numbers."""
        return self._move(self.start + index + 1)

    def batch(self) -> RowGenerator:
        """At the beginning of the numbers that all rows of a batch share."""
        return self._move(0)

    def _move(self, stream: int) -> RowGenerator:
        # Philox counts upwards from its first word: a stream has 2^64 numbers.
        self._state["state"]["counter"] = np.array([0, stream, 0, 0], np.uint64)
        self.bit_generator.state = self._state
        return self


def of_row(generator: np.random.Generator, index: int) -> np.random.Generator:
    """The generator at the numbers of a row, where it has such; another one as it is."""
    return generator.row(index) if isinstance(generator, RowGenerator) else generator


@dataclass
class Rows:
    """The rows of a step that this process holds: `here` of `total`, from the place `start` on."""

    seed: tuple[int, ...]
    start: int
    here: int
    total: int
    calls: int = 0

    def draw(self, draw: Callable[[int], Any]) -> Any:
        """What `draw(total)` gives, the same on every process, whatever else was drawn."""
        words = np.random.SeedSequence((*self.seed, self.calls)).generate_state(1, np.uint64)
        self.calls += 1
        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(int(words[0]))
            return draw(self.total)


_rows: ContextVar[Rows | None] = ContextVar("rows", default=None)


@contextmanager
def drawing(rows: Rows) -> Iterator[None]:
    """Inside, `for_rows` draws for a batch of which these rows are here."""
    token = _rows.set(rows)
    try:
        yield
    finally:
        _rows.reset(token)


@contextmanager
def apart(stream: str) -> Iterator[None]:
    """Inside, `for_rows` draws from a stream of its own: what else a step draws, or does not, moves
    none of its numbers, and they move no others. Once a step for each name."""
    rows = _rows.get()
    if rows is None:
        yield
        return
    calls, rows.calls = rows.calls, 2**32 + crc32(stream.encode())
    try:
        yield
    finally:
        rows.calls = calls


def for_rows(draw: Callable[[int], dict[str, Tensor]], n: int) -> dict[str, Tensor]:
    """The random numbers of n rows, by name: `draw(n)`, and in a training step as above.

    draw: the number of rows -> tensors of one entry for each; others belong to the whole batch. n
    may be a multiple of the rows that are here: those of a row then stand together.
    """
    rows = _rows.get()
    if rows is None or not rows.here or n % rows.here:
        return draw(n)
    times = n // rows.here
    count = rows.total * times
    found: dict[str, Tensor] = rows.draw(lambda total: draw(total * times))
    first = rows.start * times
    return {
        name: x[first : first + n] if x.dim() and len(x) == count else x
        for name, x in found.items()
    }


def _mixed(x: np.ndarray) -> np.ndarray:
    """A number that has nothing of its neighbours, for every number, (n,) uint64."""
    return splitmix64(x * np.uint64(_STEP))


def _signed(x: int) -> int:
    """The same 64 bits as a whole number that torch takes."""
    return x - (1 << 64) if x >> 63 else x
