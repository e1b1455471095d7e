"""What a test file says about one objective; `battery.py` does the rest.

An oracle is a plain double loop over numpy rows in float64, written from the paper's equation and
never from the implementation. It takes the objective's inputs and settings by name and returns one
number per row (None: the row is not counted); a tuple of such lists where the loss is the mean of
several directions; or one number, for an objective that is one number per batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective, Temperature, forward_inputs
from dipole.objectives.contract.checks import INTEGER, SHAPES
from dipole.objectives.contract.registry import objective_class, options

Inputs = dict[str, Tensor]
Rows = float | list[float | None] | tuple[list[float | None], ...]
EXAMPLES = 10_000  # how many an objective with a state per example is told there are
VECTORS = ("anchor", "positive", "negative", "candidates", "views", "support")
VECTORS += (
    "teacher_anchor",
    "teacher_positive",
    "teacher_negative",
    "teacher_candidates",
    "logits",
)
# Log-probabilities have a gradient too.
VECTORS += ("logps", "mean_logps", "token_logps", "ref_logps", "ref_mean_logps", "ref_token_logps")
VECTORS += ("mismatched_logps", "ref_mismatched_logps", "anchor_logps")


@dataclass(frozen=True)
class Spec:
    """name: as registered; oracle: see above; settings: combinations to run everything with.

    draw: replaces some of the inputs drawn by name, (sizes, generator) -> tensors by name.
    rotation: the score does not change when all vectors are rotated.
    smooth: it has a second derivative wherever one looks.
    detached: part of the equation carries no gradient; the oracle then takes `at`, the inputs as
        they were, and computes that part from them.
    shapes: where an input's shape is not the usual one (`contract.checks.SHAPES`).
    least: the smallest number of rows the objective makes sense for.
    """

    name: str
    oracle: Callable[..., Any]
    settings: tuple[Mapping[str, Any], ...] = ({},)
    draw: Callable[[Sizes, torch.Generator], Inputs] | None = None
    rotation: bool = True
    smooth: bool = True
    detached: bool = False
    shapes: Mapping[str, str] = field(default_factory=dict)
    least: int = 1
    optional: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        inputs = forward_inputs(objective_class(self.name).forward)
        object.__setattr__(self, "optional", tuple(k for k, must in inputs.items() if not must))

    @property
    def cls(self) -> type[Objective]:
        return objective_class(self.name)

    def build(self, settings: Mapping[str, Any], **common: Any) -> Objective:
        """The objective in float64, as before the first step."""
        objective = self.cls(**settings, **common).double()
        objective.bind(EXAMPLES)
        for module in objective.modules():
            if isinstance(module, Temperature) and module.log is not None:
                module.log.data.fill_(math.log(module.value))  # it was made in float32
        return objective

    def inputs(self, n: int = 5, m: int = 3, d: int = 4, seed: int = 0) -> Inputs:
        """One random batch of float64 tensors."""
        generator = torch.Generator().manual_seed(seed)
        sizes = Sizes(n, m, d)
        drawn = {k: draw(k, sizes, generator) for k in forward_inputs(self.cls.forward)}
        return drawn | (self.draw(sizes, generator) if self.draw else {})

    def letters(self, name: str) -> list[str]:
        """The sizes of an input, as letters."""
        return (SHAPES | self.shapes)[name].split()

    def axes(self, inputs: Inputs) -> list[tuple[str, int]]:
        """Every (input, axis) whose size must agree with another input's."""
        found = [(k, i, letter) for k in inputs for i, letter in enumerate(self.letters(k))]
        letters = [letter for _, _, letter in found]
        return [(k, i) for k, i, letter in found if letters.count(letter) > 1]

    def shuffle(self, inputs: Inputs) -> Inputs:
        """The same batch with its rows, and its shared negatives, in another order."""
        generator = torch.Generator().manual_seed(2)
        sizes = {
            letter: size
            for k, v in inputs.items()
            for letter, size in zip(self.letters(k), v.shape, strict=True)
        }
        order = {k: torch.randperm(sizes[k], generator=generator) for k in "nm" if k in sizes}
        if sizes.get("c") == sizes.get("n"):
            order["c"] = order["n"]
        for name, tensor in inputs.items():
            for axis, letter in enumerate(self.letters(name)):
                if letter in order:
                    tensor = tensor.index_select(axis, order[letter])
            inputs = inputs | {name: tensor}
        return inputs

    def expected(
        self, inputs: Inputs, settings: Mapping[str, Any], at: Inputs | None = None
    ) -> Rows:
        """The oracle's answer."""
        own = {k: v for k, v in options(self.cls).items() if k not in options(Objective)}
        extra = {"at": arrays(at or inputs)} if self.detached else {}
        result: Rows = self.oracle(**arrays(inputs), **{**own, **settings}, **extra)
        return result


@dataclass(frozen=True)
class Sizes:
    n: int
    m: int
    d: int
    k: int = 3
    v: int = 3


def draw(name: str, s: Sizes, generator: torch.Generator) -> Tensor:
    """A random tensor for an argument of that name."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def integers(high: int, *shape: int) -> Tensor:
        return torch.randint(0, high, shape, generator=generator)

    shared = torch.randn(
        s.n, s.d, generator=torch.Generator().manual_seed(s.n), dtype=torch.float64
    )
    makers: dict[str, Callable[[], Tensor]] = {
        "anchor": lambda: shared + normal(s.n, s.d) / 2,
        "positive": lambda: shared + normal(s.n, s.d) / 2,
        "negative": lambda: normal(s.m, s.d),
        "candidates": lambda: normal(s.n, s.k, s.d),
        "teacher_anchor": lambda: shared + normal(s.n, s.d) / 2,
        "teacher_positive": lambda: shared + normal(s.n, s.d) / 2,
        "teacher_negative": lambda: normal(s.m, s.d),
        "teacher_candidates": lambda: normal(s.n, s.k, s.d),
        "token_ids": lambda: integers(2, s.n, s.k),
        "views": lambda: shared + normal(s.v, s.n, s.d) / 2,
        "queue": lambda: normal(s.m, s.d),
        "support": lambda: normal(s.m, s.d),
        "support_labels": lambda: integers(max(2, s.n // 2), s.m),
        "support_ids": lambda: integers(s.n, s.m),
        "labels": lambda: integers(max(2, s.n // 2), s.n),
        "positive_labels": lambda: integers(max(2, s.n // 2), s.n),
        "ids": lambda: integers(s.n, s.n),
        "rows": lambda: torch.randperm(s.n, generator=generator),
        "negative_ids": lambda: integers(s.n, s.m),
        "negative_rows": lambda: integers(s.n, s.m),
        "candidate_ids": lambda: integers(s.n * s.k, s.n, s.k),
        "scores": lambda: normal(s.n),
        "logits": lambda: normal(s.n, s.k),
        "relevance": lambda: integers(4, s.n, s.k).double(),
        "relation": lambda: normal(s.n, s.n).clamp(min=0),
        "mask": lambda: normal(s.n, s.n) < 0.5,
        "anchor_mask": lambda: normal(s.n, s.k) < 0.5,
        "positive_mask": lambda: normal(s.n, s.k) < 0.5,
        "negative_mask": lambda: normal(s.m, s.k) < 0.5,
        "teacher_scores": lambda: normal(s.n, s.n),
        "anchor_logps": lambda: -normal(s.n, s.k).abs() - 0.1,
        "anchor_foreseen": lambda: normal(s.n, s.k) < 0.8,
        "token_logps": lambda: -normal(s.n, s.k, 5).abs() - 0.1,
        "ref_token_logps": lambda: -normal(s.n, s.k, 5).abs() - 0.1,
        "lengths": lambda: 1 + integers(5, s.n, s.k),
        "ratings": lambda: torch.rand(s.n, s.k, generator=generator, dtype=torch.float64),
        "answer_mask": lambda: normal(s.n, s.k) < 0.8,
    }
    for sums in ("logps", "ref_logps", "mismatched_logps", "ref_mismatched_logps"):
        makers[sums] = lambda: -4 * normal(s.n, s.k).abs() - 0.5
    for means in ("mean_logps", "ref_mean_logps"):
        makers[means] = lambda: -normal(s.n, s.k).abs() - 0.1
    return makers[name]()


def variants(spec: Spec, inputs: Inputs) -> Iterator[tuple[str, Inputs]]:
    """The batch as it is, without each optional input, and with every input at its extremes."""
    yield "as drawn", inputs
    for name in spec.optional:
        yield f"without {name}", {k: v for k, v in inputs.items() if k != name}
    if len(spec.optional) > 1:
        yield "nothing optional", {k: v for k, v in inputs.items() if k not in spec.optional}
    for name in INTEGER & set(inputs):
        yield f"all {name} the same", inputs | {name: torch.zeros_like(inputs[name])}
        yield (
            f"all {name} different",
            inputs | {name: torch.arange(inputs[name].numel()).view_as(inputs[name])},
        )
    if "mask" in inputs:
        yield "all masked", inputs | {"mask": torch.zeros_like(inputs["mask"])}
    if "relation" in inputs:
        relation = inputs["relation"].clone()
        relation[0] = 0
        yield "a row without positive", inputs | {"relation": relation}
        yield "no positive", inputs | {"relation": torch.zeros_like(relation)}


def arrays(inputs: Inputs) -> dict[str, np.ndarray]:
    """numpy in float64 (or integers, booleans)."""
    return {k: v.detach().cpu().numpy() for k, v in inputs.items()}


def reduce_rows(rows: Rows, reduction: str = "mean") -> np.ndarray:
    """What an objective returns for these rows."""
    if isinstance(rows, tuple):
        return np.asarray(np.mean([reduce_rows(one, reduction) for one in rows], axis=0))
    if isinstance(rows, float | int):
        return np.array(float(rows))
    counted = [row for row in rows if row is not None]
    if reduction == "none":
        return np.array([row or 0.0 for row in rows])
    return np.array(math.fsum(counted) / (max(len(counted), 1) if reduction == "mean" else 1))


# Two lines that nearly every oracle needs.
def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """Cosine of two vectors."""
    return float(x @ y) / (math.sqrt(float(x @ x)) * math.sqrt(float(y @ y)))


def lse(values: Iterable[float]) -> float:
    """log of the sum of exponentials; of nothing, -inf."""
    listed = list(values)
    top = max(listed, default=-math.inf)
    if top == -math.inf:
        return -math.inf
    return top + math.log(math.fsum(math.exp(v - top) for v in listed))
