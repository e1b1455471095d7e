"""Random calls of the pair engine, for comparing executors with each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus

from dipole.kernels import (
    INDEX,
    Mask,
    Modifier,
    Score,
    Statistic,
    Stats,
    Weight,
    add,
    count,
    diagonal,
    different,
    late_interaction,
    lse,
    matrix,
    maximum,
    minimum,
    negative_squared_distance,
    off_diagonal,
    pairs,
    same,
    scale,
    top,
    total,
    using,
)

# Statistics by name, made from the tensors of a case. Those of `SUMS` may stand in `all=` too.
SUMS: dict[str, Callable[[dict[str, Tensor]], Statistic]] = {
    "lse": lambda t: lse(),
    "lse off diagonal": lambda t: lse(mask=off_diagonal()),
    "lse different": lambda t: lse(mask=different(t["row_label"], t["column_label"])),
    "lse same": lambda t: lse(mask=[same(t["row_label"], t["column_label"]), off_diagonal()]),
    "lse nothing": lambda t: lse(mask=Mask(lambda s: s != s)),
    "lse mined": lambda t: lse(mask=Mask(lambda s, limit: s > limit, row=t["row_value"])),
    "lse of weights that may be -inf": lambda t: lse(
        mod=Modifier(lambda s, a: s + (a > 0).to(s).log(), row=t["row_value"])
    ),
    "lse per-column temperature": lambda t: lse(
        mod=Modifier(lambda s, b: s / (1 + b.square()), column=t["column_value"])
    ),
    "lse per-pair temperature": lambda t: lse(
        mod=Modifier(
            lambda s, a, b: s / (0.1 + (a @ b.T).sigmoid()),
            row=t["row_feature"],
            column=t["column_feature"],
        ),
        mask=off_diagonal(),
    ),
    "lse margins": lambda t: lse(
        mod=[add(row=t["row_value"], column=t["column_value"], shared=t["bias"]), scale(0.7)]
    ),
    "lse weighted": lambda t: lse(weight=matrix(t["grid"])),
    "lse self-weighted": lambda t: lse(
        weight=Weight(lambda s, a: s.square() * a.square(), row=t["row_value"]),
        mask=Mask(lambda _, i, j: i <= j, row=INDEX, column=INDEX),
    ),
    "total": lambda t: total(),
    "total positive": lambda t: total(mask=same(t["row_label"], t["column_label"])),
    "total own": lambda t: total(mask=diagonal()),
    "total softplus": lambda t: total([add(shared=t["bias"]), softplus]),
    "total weighted": lambda t: total(
        torch.tanh,
        weight=[
            Weight(
                lambda s, a, b: (a @ b.T).square(), row=t["row_feature"], column=t["column_feature"]
            ),
            matrix(t["grid"]),
        ],
        mask=off_diagonal(),
    ),
    "total square root": lambda t: total(
        # An infinite slope where the mask is False must not reach anybody.
        lambda s: (s - s.detach()).abs().sqrt() + s,
        mask=Mask(lambda s: s != s),
    ),
    "count": lambda t: count(same(t["row_label"], t["column_label"])),
}
EXTREMES: dict[str, Callable[[dict[str, Tensor]], Statistic]] = {
    "maximum": lambda t: maximum(mask=different(t["row_label"], t["column_label"])),
    "minimum": lambda t: minimum(mod=add(column=t["column_value"])),
    "maximum without its place": lambda t: maximum(
        mask=different(t["row_label"], t["column_label"]), place=False
    ),
    "minimum without its place": lambda t: minimum(
        mod=add(column=t["column_value"]), mask=off_diagonal(), place=False
    ),
    "minimum of nothing": lambda t: minimum(mask=Mask(lambda s: s != s)),
    "top 3": lambda t: top(3, mask=off_diagonal()),
}
SCORES: dict[str, Callable[[], Score | None]] = {
    "dot": lambda: None,
    "distance": negative_squared_distance,
    "late": late_interaction,
}


@dataclass
class Case:
    """Tensors of a whole job and what is asked of them."""

    score: str
    temperature: str
    row: list[str]
    column: list[str]
    all: list[str]
    tensors: dict[str, Tensor]

    @staticmethod
    def draw(
        seed: int,
        n: int,
        m: int,
        d: int = 3,
        *,
        temperature: float = 0.3,
        names: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Case:
        """A random case; `names` restricts the statistics."""
        rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

        score = rng.choice(["dot", "dot", "dot", "distance", "late"]) if names is None else "dot"
        shape = (2, d) if score == "late" else (d,)
        per_row = rng.random() < 0.3
        tensors = {
            # On a line unit vectors are -1 or 1: the place of a maximum would be a matter of taste.
            "row": normal(n, *shape) if d == 1 else normalize(normal(n, *shape), dim=-1),
            "column": normal(m, *shape) if d == 1 else normalize(normal(m, *shape), dim=-1),
            "row_value": normal(n),
            "column_value": normal(m),
            "row_feature": normal(n, 2),
            "column_feature": normal(m, 2),
            "row_label": torch.randint(0, 3, (n,), generator=generator),
            "column_label": torch.randint(0, 3, (m,), generator=generator),
            "row_coefficient": normal(n),
            "column_coefficient": normal(m),
            "bias": normal(1)[0],
            "temperature": temperature
            * (1 + normal(n).abs() if per_row else torch.ones((), dtype=dtype)),
            "grid": normal(n, m).abs(),
        }
        sums, both = list(SUMS), [*SUMS, *EXTREMES]

        def some(menu: list[str], most: int) -> list[str]:
            menu = menu if names is None else [name for name in menu if name in names]
            return [rng.choice(menu) for _ in range(rng.randint(0, most))] if menu else []

        row, column, everything = some(both, 4), some(both, 3), some(sums, 2)
        if not (row or column or everything):
            row = [sums[0]]
        return Case(score, "row" if per_row else "shared", row, column, everything, tensors)

    def shard(self, rows: slice, columns: slice) -> Case:
        """What one process of a job holds."""
        mine = {}
        for name, tensor in self.tensors.items():
            of_rows = name.startswith("row") or name == "grid"
            if of_rows or (name == "temperature" and self.temperature == "row"):
                tensor = tensor[rows]
            elif name.startswith("column"):
                tensor = tensor[columns]
            mine[name] = tensor.clone()
        return Case(self.score, self.temperature, self.row, self.column, self.all, mine)

    def run(self, **options: object) -> tuple[Stats, dict[str, Tensor]]:
        """The statistics and the gradient of every tensor that takes one."""
        tensors = {
            name: tensor.clone().requires_grad_()
            if tensor.is_floating_point() and "coefficient" not in name
            else tensor
            for name, tensor in self.tensors.items()
        }
        menu = SUMS | EXTREMES
        stats = pairs(
            tensors["row"],
            tensors["column"],
            temperature=tensors["temperature"],
            score=SCORES[self.score](),
            row=[menu[name](tensors) for name in self.row],
            column=[menu[name](tensors) for name in self.column],
            all=[menu[name](tensors) for name in self.all],
            **options,  # type: ignore[arg-type]
        )
        loss = torch.zeros((), dtype=tensors["row"].dtype)
        for values, coefficient in (
            (stats.row, tensors["row_coefficient"]),
            (stats.column, tensors["column_coefficient"]),
            (stats.all, torch.ones(())),
        ):
            for value in values:
                finite = torch.where(value.isfinite(), value, 0)
                by = coefficient if value.dim() < 2 else coefficient[:, None]
                loss = loss + (finite * by).sum()
        if loss.requires_grad:
            loss.backward()
        grads = {
            name: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            for name, tensor in tensors.items()
            if tensor.requires_grad
        }
        return Stats(*(tuple(_detached(t) for t in field) for field in stats)), grads


def _detached(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


def shards(case: Case, n: Sequence[int], m: Sequence[int], rank: int) -> Case:
    """What `rank` holds when process r has n[r] rows and m[r] columns."""
    a, b = sum(n[:rank]), sum(m[:rank])
    return case.shard(slice(a, a + n[rank]), slice(b, b + m[rank]))


def on_rank(
    executor: str, seeds: Sequence[int], n: Sequence[int], m: Sequence[int]
) -> list[tuple[Stats, dict[str, Tensor]]]:
    """For a process of `support.distributed`: every seed's case on this rank's shard."""
    rank = torch.distributed.get_rank()
    with using(tile=(3, 2)):
        return [
            shards(Case.draw(seed, sum(n), sum(m)), n, m, rank).run(executor=executor)
            for seed in seeds
        ]


def joined(answers: Sequence[tuple[Stats, dict[str, Tensor]]]) -> tuple[Stats, dict[str, Tensor]]:
    """The ranks' answers as one: rows and columns in order, gradients of what is shared summed."""
    every = [stats for stats, _ in answers]

    def cat(field: str) -> tuple[Tensor | None, ...]:
        slots = zip(*(getattr(stats, field) for stats in every), strict=True)
        return tuple(None if parts[0] is None else torch.cat(parts) for parts in slots)

    stats = Stats(cat("row"), cat("column"), every[0].all, cat("row_index"), cat("column_index"))
    grads = {}
    for name, first in answers[0][1].items():
        parts = [grads[name] for _, grads in answers]
        grads[name] = torch.stack(parts).sum(0) if first.dim() == 0 else torch.cat(parts)
    return stats, grads


def in_one_process(case: Case, processes: int) -> tuple[Stats, dict[str, Tensor]]:
    """What `joined` answers should be: each rank's loss has the job's `all` statistics in it."""
    stats, grads = case.run(executor="dense")
    if case.all:
        once = Case(case.score, case.temperature, [], [], case.all, case.tensors)
        _, extra = once.run(executor="dense")
        grads = {name: grad + (processes - 1) * extra[name] for name, grad in grads.items()}
    return stats, grads


def differences(
    found: tuple[Stats, dict[str, Tensor]], wanted: tuple[Stats, dict[str, Tensor]]
) -> dict[str, float]:
    """The largest difference per result and gradient, relative to its largest entry (or 1)."""
    result = {}
    for field, found_values, wanted_values in zip(Stats._fields, found[0], wanted[0], strict=True):
        for slot, (a, b) in enumerate(zip(found_values, wanted_values, strict=True)):
            if b is not None:
                result[f"{field}[{slot}]"] = difference(a, b)
    for name, b in wanted[1].items():
        result[f"grad {name}"] = difference(found[1][name], b)
    return result


def difference(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the largest entry of b or 1; nan counts as infinite."""
    assert a.shape == b.shape, (a.shape, b.shape)
    same = (a == b) | (a.isnan() & b.isnan())
    if bool(same.all()):
        return 0.0
    off = torch.where(same, 0, (a.double() - b.double()).abs()).nan_to_num(torch.inf)
    size = torch.where(b.isfinite(), b, 0).abs().max().clamp_min(1)
    return float(off.max() / size)
