"""The public call: statistics of a score matrix that is never materialised."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels.blocks import Score
from dipole.kernels.executors.choosing import run
from dipole.kernels.executors.dense import whole
from dipole.kernels.operands import Operands
from dipole.kernels.program import BoundScore, Program, compile_program
from dipole.kernels.readings import ALL, COLUMN, ROW, Results
from dipole.kernels.statistics import Statistic


class Stats(NamedTuple):
    """What `pairs` returns, in the order asked for.

    `row[k]` is (n,), `column[k]` is (m,), `all[k]` is a scalar; `top` has one more dimension (k).
    The `*_index` lists hold positions for maximum, minimum and top, None for the rest.
    """

    row: tuple[Tensor, ...]
    column: tuple[Tensor, ...]
    all: tuple[Tensor, ...]
    row_index: tuple[Tensor | None, ...]
    column_index: tuple[Tensor | None, ...]


def pairs(
    rows: Tensor | Sequence[Tensor],
    columns: Tensor | Sequence[Tensor],
    *,
    temperature: float | Tensor = 1.0,
    score: Score | None = None,
    row: Sequence[Statistic] = (),
    column: Sequence[Statistic] = (),
    all: Sequence[Statistic] = (),
    replicated: bool = False,
    executor: str | None = None,
) -> Stats:
    """Statistics of l_ij = score(row i, column j) / temperature, without the (n, m) matrix.

    Shapes: rows (n, d), columns (m, d); with a `score` of your own whatever it takes, first
    dimensions n and m. temperature: a number, a 0-d tensor or (n,), one per row.
    Gradients are exact for rows, columns, temperature and every operand of a statistic.

    Several processes: each gives its own rows and columns, every row meets the columns of all of
    them, and the gradient is that of the sum of all processes' losses (average it, as DDP does).
    `replicated=True` says that the columns are the same everywhere (a queue, prototypes): they
    stay where they are.

    executor: "dense", "tiled", "gathered" or "ring"; None chooses (see `executors`).

    Example:
        >>> import torch
        >>> from dipole.kernels import lse, off_diagonal, pairs
        >>> z = torch.eye(3)
        >>> pairs(z, z, temperature=0.5, row=[lse(), lse(mask=off_diagonal())]).row[1]
        tensor([0.6931, 0.6931, 0.6931])
    """
    with _full_precision(rows if isinstance(rows, Tensor) else rows[0]):
        program, operands = _prepare(rows, columns, temperature, score, row, column, all)
        results = run(program, operands, together=not replicated, executor=executor)
        return _collect(program, results)


def lists(
    rows: Tensor,
    candidates: Tensor,
    *,
    temperature: float | Tensor = 1.0,
    row: Sequence[Statistic],
) -> tuple[Tensor, ...]:
    """Statistics of l_ic = rows[i] . candidates[i, c] / temperature: every row has its own list.

    Shapes: rows (n, d), candidates (n, k, d). Operands of a statistic: row (n,), column (n, k)
    with -- in place of one vector for all rows -- a list for each. The (n, k) scores are smaller
    than the candidates, so this is plain autograd, and no process looks at another.

    Example: hard negatives of one's own, beside everybody's positives:
        >>> import torch
        >>> from dipole.kernels import lists, lse, pairs
        >>> a, p, hard = torch.randn(4, 8), torch.randn(4, 8), torch.randn(4, 3, 8)
        >>> (batch,) = pairs(a, p, row=[lse()]).row
        >>> (mine,) = lists(a, hard, row=[lse()])
        >>> torch.logaddexp(batch, mine).shape
        torch.Size([4])
    """
    if candidates.dim() != 3 or rows.shape != (candidates.shape[0], candidates.shape[2]):
        raise InputError(
            f"lists: rows {tuple(rows.shape)} and candidates {tuple(candidates.shape)}, "
            "expected (n, d) and (n, k, d)"
        )
    with _full_precision(rows):
        operands = Operands(_compute_dtype([rows]), _compute_dtype([candidates]), [], [])
        scores = (operands.column[0] @ operands.row[0][:, :, None])[:, :, 0]
        program = compile_program(BoundScore(None, 1, 1), row, (), (), operands)
        return _collect(program, whole(program, operands, scores / _per_row(temperature))).row


def own(
    rows: Tensor,
    columns: Tensor,
    *,
    temperature: float | Tensor = 1.0,
) -> Tensor:
    """l_ii = rows[i] . columns[i] / temperature: each row's score with its own column, (n,)."""
    rows, columns = _compute_dtype([rows, columns])
    return (rows * columns).sum(-1) / temperature


def _prepare(
    rows: Tensor | Sequence[Tensor],
    columns: Tensor | Sequence[Tensor],
    temperature: float | Tensor,
    score: Score | None,
    row: Sequence[Statistic],
    column: Sequence[Statistic],
    all: Sequence[Statistic],
) -> tuple[Program, Operands]:
    for statistic in all:
        if statistic.kind not in ("lse", "total", "count"):
            raise InputError(f"pairs: {statistic.kind} in all=, expected lse, total or count")
    row_tensors = [rows] if isinstance(rows, Tensor) else list(rows)
    column_tensors = [columns] if isinstance(columns, Tensor) else list(columns)
    n = row_tensors[0].shape[0]
    if isinstance(temperature, Tensor) and temperature.shape not in {(), (1,), (n,)}:
        raise InputError(
            f"pairs: temperature has shape {tuple(temperature.shape)}, expected () or ({n},)"
        )
    both = _compute_dtype([*row_tensors, *column_tensors])
    operands = Operands(both[: len(row_tensors)], both[len(row_tensors) :], [], [])
    if isinstance(temperature, Tensor):
        temperature = temperature.to(both[0].dtype)
    if score is None:
        a, b = operands.row[0], operands.column[0]
        if len(operands.row) + len(operands.column) != 2 or a.dim() != 2 or b.dim() != 2:
            raise InputError(
                f"pairs: rows {tuple(a.shape)} and columns {tuple(b.shape)}, "
                "expected (n, d) and (m, d)"
            )
        if a.shape[1] != b.shape[1]:
            raise InputError(
                f"pairs: rows have {a.shape[1]} features, columns {b.shape[1]}; expected as many"
            )
        bound = BoundScore(None, 1, 1)
        if isinstance(temperature, Tensor):
            # O(n d) instead of O(n m), and the temperature's gradient is plain autograd.
            operands.row[0], temperature = a / _per_row(temperature), 1.0
    else:
        bound = BoundScore(score, len(row_tensors), len(column_tensors))
        bound.shared = tuple(range(len(score.shared)))
        operands.shared = list(score.shared)
        if isinstance(temperature, Tensor):
            kind = ROW if temperature.dim() == 1 and len(temperature) == n else "shared"
            into = operands.row if kind == ROW else operands.shared
            into.append(temperature)
            bound.temperature = (kind, len(into) - 1)
    if not isinstance(temperature, Tensor):
        bound.temperature = float(temperature)
    program = compile_program(bound, row, column, all, operands)
    _check_lengths(operands)
    return program, operands


def _check_lengths(operands: Operands) -> None:
    """Slices of a vector that is too long or too short would be silently wrong."""
    for kind, tensors, length in zip(
        (ROW, COLUMN), (operands.row, operands.column), operands.size, strict=True
    ):
        for tensor in tensors:
            if tensor.dim() == 0 or tensor.shape[0] != length:
                raise InputError(
                    f"pairs: a {kind} operand has shape {tuple(tensor.shape)}, "
                    f"expected {length} first"
                )


def _collect(program: Program, results: Results) -> Stats:
    def of(direction: str) -> list[tuple[Tensor, Tensor | None]]:
        return [results[direction, slot] for slot in range(len(program.of(direction)))]

    return Stats(
        tuple(value for value, _ in of(ROW)),
        tuple(value for value, _ in of(COLUMN)),
        tuple(value[0] for value, _ in of(ALL)),
        tuple(index for _, index in of(ROW)),
        tuple(index for _, index in of(COLUMN)),
    )


def _per_row(temperature: float | Tensor) -> float | Tensor:
    """(n,) as (n, 1), to divide rows by it."""
    if isinstance(temperature, Tensor) and temperature.dim() == 1:
        return temperature[:, None]
    return temperature


def _compute_dtype(tensors: list[Tensor]) -> list[Tensor]:
    """Half precision is only a way to store: everything is computed in float32 or float64."""
    if all(tensor.dtype is torch.float32 for tensor in tensors):
        return tensors
    wide = torch.float32
    for tensor in tensors:
        if tensor.is_floating_point():
            wide = torch.promote_types(wide, tensor.dtype)
    return [t.to(wide) if t.is_floating_point() else t for t in tensors]


def _full_precision(like: Tensor) -> AbstractContextManager[object]:
    """No autocast inside: a trainer's bfloat16 is for its encoders."""
    kind = like.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
