"""Several objectives as one: by weights, by learnt uncertainty, by the common descent direction, or
with a cap on the last."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.errors import InputError
from dipole.objectives.contract.base import Objective, Sum
from dipole.objectives.maths import everywhere

_TERM = re.compile(r"\s*(?:([0-9.eE-]+)\s*\*)?\s*([^\s*]+?)\s*(\(\s*\w+\s*=[^()]*\))?\s*")


def read_sum(text: str) -> list[tuple[float, str]]:
    """The weights and names of a sum of objectives, a name with what its inputs are given.

    >>> read_sum("infonce(negative=past) + 0.1 * align-uniform")
    [(1.0, 'infonce(negative=past)'), (0.1, 'align-uniform')]
    """
    terms = []
    for part in re.split(r"(?<!\d[eE])\+", text):
        found = _TERM.fullmatch(part)
        if found and not found[3] and (found[2].count("(") != found[2].count(")")):
            raise InputError(
                f"objective: found {part.strip()!r}; expected NAME(INPUT=TENSOR, ...), as "
                "infonce(negative=past)"
            )
        try:
            weight = float(found[1] or 1) if found else 0.0
        except ValueError:
            weight = 0.0
        if found is None or weight <= 0:
            raise InputError(
                f"objective: found {part.strip()!r} in {text!r}; expected NAME or WEIGHT * NAME, "
                "WEIGHT above 0, or NAME(INPUT=TENSOR, ...)"
            )
        terms.append((weight, found[2] + (found[3] or "")))
    return terms


def read_inputs(term: str) -> tuple[str, dict[str, str]]:
    """The name of an objective and what its inputs are given.

    >>> read_inputs("infonce(anchor=positive, positive=anchor)")
    ('infonce', {'anchor': 'positive', 'positive': 'anchor'})
    """
    found = _TERM.fullmatch(term)
    if found is None or found[3] is None:
        return term, {}
    pairs = [pair.partition("=") for pair in found[3].strip("()").split(",")]
    names = {name.strip(): tensor.strip() for name, _, tensor in pairs}
    if len(names) < len(pairs) or not all(word.isidentifier() for word in names.values()):
        raise InputError(
            f"objective: found {found[3]} after {found[2]}; expected (INPUT=TENSOR, ...), every "
            "input once"
        )
    return found[2], names


def build_sum(text: str, combine: str, settings: dict[str, Any]) -> Objective:
    """The objective that `text` speaks of; settings are KEY, or NAME.KEY in a sum.

    A KEY without a name goes to every part that has such a setting.
    """
    from dipole.objectives.contract.registry import build_objective, objective_class, options

    read = [(weight, *read_inputs(term)) for weight, term in read_sum(text)]
    terms = [(weight, name) for weight, name, _ in read]

    def built(name: str, inputs: dict[str, str], **own: Any) -> Objective:
        objective = build_objective(name, **own)
        return objective.given(**inputs) if inputs else objective

    if len(terms) == 1:
        if combine != "weights":
            raise InputError(f"combine: found '{combine}' for one objective; expected a sum")
        ((weight, name, inputs),) = read
        objective = built(name, inputs, **settings)
        return objective if weight == 1 else weight * objective
    own: dict[str, dict[str, Any]] = {name: {} for _, name in terms}
    # What is said of one part goes before what is said of all.
    general_first = sorted(settings.items(), key=lambda item: "." in item[0])
    for key, value in general_first:
        named = [n for n in own if key.startswith(f"{n}.")]
        takes = named or [n for n in own if key in options(objective_class(n))]
        if not takes:
            raise InputError(
                f"objective option '{key}': no such setting; expected NAME.KEY, NAME one of "
                + ", ".join(own)
            )
        for name in takes:
            own[name][key.removeprefix(f"{name}.") if named else key] = value
    parts = [(weight, built(name, inputs, **own[name])) for weight, name, inputs in read]
    kinds = {"weights": Sum, "uncertainty": Uncertainty, "mgda": MinNorm, "cap": Capped}
    return kinds[combine](parts)


class Uncertainty(Sum):
    """sum_i w_i exp(-s_i) L_i + s_i / 2, with a learnt s_i = log sigma_i^2 for every objective.

    At the best s_i the weight of an objective is 1 / (2 L_i): one that is far from zero counts
    less. Only for losses above 0; the weights w_i are where it starts.
    Source: Kendall, Gal and Cipolla 2018, Multi-Task Learning Using Uncertainty to Weigh Losses,
    arXiv 1705.07115, the form for softmax losses.
    """

    def __init__(self, terms: Iterable[tuple[float, Objective]]) -> None:
        super().__init__(terms)
        self.log_variance = nn.Parameter(torch.zeros(len(self.terms)))

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """The weighted sum of a batch."""
        values = self.values(*args, **inputs)
        for name, value in zip(self.names(), values, strict=True):
            if value <= 0:
                raise InputError(
                    f"uncertainty: found {name} at {value:.4g}; expected losses above 0, or "
                    "--combine weights"
                )
        losses = torch.stack(values) * values[0].new_tensor(self.weights)
        return (losses * (-self.log_variance).exp() + self.log_variance / 2).sum()


class Capped(Sum):
    """G + C min(1, G / C) with the quotient held constant: C = w_k L_k, the last objective, counts
    no more than G = w_1 L_1 + ... + w_k-1 L_k-1, the others together.

    Where C is the larger, the value is 2 G, and the gradient that of G and G / C times that of C:
    so a weight of 1000 asks for as much of C as of G. G of all processes decides; only for losses
    above 0. The published code has min(w_k, G / C), which is another quotient for weights below 1.
    Source: Yan et al. 2024, Contrastive Instruction Tuning, arXiv 2402.11138.
    """

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """The sum of a batch."""
        values = self.values(*args, **inputs)
        *others, last = (w * value for w, value in zip(self.weights, values, strict=True))
        main = torch.stack(others).sum()
        known, capped = everywhere(torch.stack([main, last])[None]).mean(0)
        if known < 0:
            raise InputError(
                f"cap: found {' + '.join(self.names()[:-1])} at {known:.4g}; expected losses above "
                "0, or --combine weights"
            )
        ratio = known / capped if capped > known else torch.ones_like(known)
        return main + ratio * last


class MinNorm(Sum):
    """sum_i a_i L_i with the a on the simplex that make the shortest sum of gradients,

        a = argmin || sum_i a_i g_i ||^2,   g_i = w_i d L_i / d vectors.

    That sum d is a descent direction of every objective, d . g_i >= ||d||^2, and zero only where no
    direction improves all of them. Gradients are those of the vectors the encoder made, of all
    processes (an upper bound of the norm in the weights), so no extra pass through the encoder.
    Source: Sener and Koltun 2018, Multi-Task Learning as Multi-Objective Optimization, arXiv
    1810.04650; for contrast and topics: arXiv 2402.07577.
    """

    def forward(self, *args: Tensor, **inputs: Tensor | None) -> Tensor:
        """The weighted sum of a batch; `parts` holds the weights too."""
        first, *_ = self.terms
        assert isinstance(first, Objective)
        batch = dict(zip(first.inputs(), args, strict=False)) | inputs
        values = self.values(**batch)
        weights = values[0].new_tensor(self.weights)
        vectors = [x for x in batch.values() if isinstance(x, Tensor) and x.requires_grad]
        if vectors:
            weights = weights * self._shares(values, weights, vectors)
        return (torch.stack(values) * weights).sum()

    def _shares(self, values: list[Tensor], weights: Tensor, vectors: list[Tensor]) -> Tensor:
        rows = []
        for value, weight in zip(values, weights, strict=True):
            found = torch.autograd.grad(
                weight * value,
                vectors,
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            rows.append(torch.cat([gradient.reshape(-1).double() for gradient in found]))
        stacked = torch.stack(rows)
        # Every process has the gradients of its own rows: inner products add up.
        gram = everywhere((stacked @ stacked.T)[None]).sum(0)
        shares = values[0].new_tensor(min_norm(gram.cpu().numpy()))
        self.parts |= {f"{n}_share": s for n, s in zip(self.names(), shares, strict=True)}
        return shares


def min_norm(gram: np.ndarray) -> np.ndarray:
    """The a >= 0 with sum 1 that minimise a' G a, for the inner products G (k, k) of k vectors.

    As non-negative least squares of || sum a_i g_i ||^2 + (sum a_i - 1)^2: its solution points
    in the direction sought, whatever its length. Exact, and for two vectors
    a_1 = clip((g_2 - g_1) . g_2 / ||g_2 - g_1||^2, 0, 1).

    >>> min_norm(np.array([[1.0, 0.0], [0.0, 3.0]])).round(3).tolist()
    [0.75, 0.25]
    """
    from scipy.optimize import nnls

    largest = np.diag(gram).max()
    if largest == 0:
        return np.full(len(gram), 1 / len(gram))
    values, vectors = np.linalg.eigh(gram / largest)
    root = np.sqrt(values.clip(min=0))[:, None] * vectors.T
    found, _ = nnls(np.vstack([root, np.ones(len(gram))]), np.append(np.zeros(len(gram)), 1.0))
    shares: np.ndarray = found / found.sum()
    return shares
