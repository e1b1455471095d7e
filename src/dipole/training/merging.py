"""Several trainings of one base made one model: soups, fusion by deltas, task arithmetic."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from dipole.data.inputs import batch_of, described, real_number
from dipole.errors import InputError
from dipole.showing import short

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

State = dict[str, Tensor]
Method = Literal["uniform", "greedy", "delta", "task"]
DeltaWeights = Literal["norm", "inverse", "softmax"]
# The cosine of two models' matrices. Trainings of one base keep it near 1; two random starts have
# 0, and what lies between them is no model.
SAME_BASE = 0.5


def merge(
    encoders: Sequence[Encoder],
    method: Method = "uniform",
    *,
    base: Encoder | None = None,
    weights: Sequence[float] | None = None,
    scale: float = 1.0,
    delta_weights: DeltaWeights = "norm",
    score: Callable[[Encoder], float] | None = None,
    names: Sequence[str] | None = None,
) -> Encoder:
    """One encoder of several that share a base.

        uniform   sum_k w_k theta_k / sum_k w_k, w_k = 1 unless `weights` says else (a soup)
        greedy    a soup of those that, best `score` first, do not lower the soup's score
        delta     see `fuse_deltas`; needs `base`
        task      theta_0 + scale sum_k w_k (theta_k - theta_0); needs `base`; a weight of -1
                  takes a task away

    Merging copies of one model gives that model, bit for bit (task: with scale 1 / copies).

    Args:
        encoders: models of one kind; the result is a new one.
        base: the model they were trained from.
        score: higher is better; what greedy asks.
        names: what messages call them.

    Raises:
        InputError: models of different kinds or vocabularies, or with weights that share no base.

    Sources: Wortsman et al. 2022, Model soups, arXiv 2203.05482; Ilharco et al. 2023, Editing
    Models with Task Arithmetic, arXiv 2212.04089; the CoDiEmb fusion, arXiv 2508.11442.
    """
    names = [f"model {k}" for k in range(1, len(encoders) + 1)] if names is None else list(names)
    encoders = batch_of(encoders, "merge: encoders")
    if not encoders:
        raise InputError("merge: found no models, expected at least one")
    for name, encoder in zip([*names, "base"], [*encoders, base or encoders[0]], strict=True):
        if not hasattr(encoder, "state_dict") or not hasattr(encoder, "settings"):
            raise InputError(f"merge: {name} is {described(encoder)}; expected an encoder")
    if method not in get_args(Method):
        raise InputError(f"method: found {method!r}, expected uniform, greedy, delta or task")
    weights, scale = _weights(weights, len(encoders)), real_number(scale, "scale")
    if weights is not None and method not in ("uniform", "task"):
        raise InputError(f"weights: {method} weighs by itself; expected uniform or task")
    if scale != 1 and method != "task":
        raise InputError(f"scale: found {scale:g} for {method}; expected task")
    if base is not None and method not in ("delta", "task"):
        raise InputError(f"base: {method} needs none; expected delta or task, or no base")
    if delta_weights not in get_args(DeltaWeights):
        raise InputError(
            f"delta_weights: found {short(delta_weights)}, expected one of "
            f"{', '.join(get_args(DeltaWeights))}"
        )
    if base is not None:
        check_same_base([base, *encoders], ["the base", *names])
    else:
        check_same_base(encoders, names)
    states = [dict(encoder.state_dict()) for encoder in encoders]
    if method == "greedy":
        return _greedy(encoders, states, score)
    if method == "uniform":
        return with_state(encoders[0], soup(states, weights))
    if base is None:
        raise InputError(
            f"method: {method} needs a base; expected the model that all were trained from"
        )
    start = dict(base.state_dict())
    if method == "delta":
        return with_state(encoders[0], fuse_deltas(states, start, kind=delta_weights))
    return with_state(encoders[0], add_tasks(states, start, weights=weights, scale=scale))


def soup(states: Sequence[State], weights: Sequence[float] | None = None) -> State:
    """sum_k w_k theta_k / sum_k w_k of every tensor, in float64; integers are the first's."""
    w = _weights(weights, len(states)) or [1.0] * len(states)
    if sum(w) == 0:
        raise InputError(f"weights: found a sum of 0 in {w}, expected another")
    return _by_tensor(
        states, lambda name, parts: sum(a * x for a, x in zip(w, parts, strict=True)) / sum(w)
    )


def fuse_deltas(states: Sequence[State], base: State, *, kind: DeltaWeights = "norm") -> State:
    """theta_p = theta_0p + sum_k w_kp d_kp, d_kp = theta_kp - theta_0p, for every tensor p, with

        norm     w_kp = |d_kp| / sum_l |d_lp|         who moved far for p is listened to
        inverse  w_kp = |d_kp|^-1 / sum_l |d_lp|^-1   who moved little is
        softmax  w_kp = softmax_k(|d_kp| / max_l |d_lp|)

    A tensor that nobody moved stays. The paper says that weights are per parameter and come from
    the deviation; `norm` is this library's reading, the others its alternatives.
    """

    def fused(name: str, parts: list[Tensor]) -> Tensor:
        start = base[name].double()
        deltas = torch.stack([part - start for part in parts])
        size = torch.linalg.vector_norm(deltas.flatten(1), dim=1)
        if not size.any():
            return start
        if kind == "norm":
            w = size / size.sum()
        elif kind == "softmax":
            w = torch.softmax(size / size.max(), 0)
        else:  # one that did not move at all is all there is
            w = torch.where(size.eq(0).any(), size.eq(0).double(), 1 / size)
            w = w / w.sum()
        return start + torch.tensordot(w, deltas, 1)

    return _by_tensor(states, fused)


def add_tasks(
    states: Sequence[State],
    base: State,
    *,
    weights: Sequence[float] | None = None,
    scale: float = 1.0,
) -> State:
    """theta_0 + scale sum_k w_k (theta_k - theta_0), w_k = 1 unless given."""
    w = _weights(weights, len(states)) or [1.0] * len(states)
    scale = real_number(scale, "scale")

    def added(name: str, parts: list[Tensor]) -> Tensor:
        start = base[name].double()
        return start + scale * sum(a * (x - start) for a, x in zip(w, parts, strict=True))

    return _by_tensor(states, added)


def _weights(weights: Sequence[float] | None, count: int) -> list[float] | None:
    if weights is None:
        return None
    if len(weights) != count:
        raise InputError(f"weights: found {len(weights)} for {count} models")
    return [real_number(weight, f"weights[{k}]") for k, weight in enumerate(weights)]


def check_same_base(encoders: Sequence[Encoder], names: Sequence[str]) -> None:
    """Raise InputError unless all have the first's kind, shapes, vocabulary, and nearby weights."""
    first = encoders[0]
    mine, settings = dict(first.state_dict()) | first.weights(), first.settings()
    for encoder, name in zip(encoders[1:], names[1:], strict=True):
        others = encoder.settings()
        for key in settings.keys() | others.keys():
            if settings.get(key) != others.get(key):
                raise InputError(
                    f"{name}: its {key} is not that of {names[0]}; expected trainings of one base"
                )
        theirs = dict(encoder.state_dict()) | encoder.weights()
        if {k: v.shape for k, v in mine.items()} != {k: v.shape for k, v in theirs.items()}:
            different = [k for k in mine if k not in theirs or mine[k].shape != theirs[k].shape]
            raise InputError(
                f"{name}: its tensors are not those of {names[0]} "
                f"({(different or sorted(theirs.keys() - mine.keys()))[0]} for one); "
                "expected trainings of one base"
            )
        fixed = [k for k, v in mine.items() if not v.is_floating_point() and not v.equal(theirs[k])]
        if fixed:
            raise InputError(
                f"{name}: its {fixed[0]} is not that of {names[0]}; expected trainings of one base"
            )
        found = _cosine(mine, theirs)
        if found < SAME_BASE:
            raise InputError(
                f"{name}: the cosine of its weights and those of {names[0]} is {found:.2f}; "
                f"expected at least {SAME_BASE}, as trainings of one base have"
            )


def with_state(encoder: Encoder, state: State) -> Encoder:
    """A copy of an encoder with other weights."""
    made = copy.deepcopy(encoder)
    made.load_state_dict(state)
    return made.eval()


def _greedy(
    encoders: Sequence[Encoder], states: Sequence[State], score: Callable[[Encoder], float] | None
) -> Encoder:
    if score is None:
        raise InputError("method greedy: found nothing to measure by; expected validation data")
    alone = [score(encoder) for encoder in encoders]
    order = sorted(range(len(encoders)), key=lambda k: -alone[k])
    kept, best = [order[0]], alone[order[0]]
    for k in order[1:]:
        tried = score(with_state(encoders[0], soup([states[i] for i in (*kept, k)])))
        if tried >= best:
            kept, best = [*kept, k], tried
    return with_state(encoders[0], soup([states[i] for i in kept]))


def _by_tensor(
    states: Sequence[State], made: Callable[[str, list[Tensor]], Tensor | float]
) -> State:
    merged = {}
    for name, tensor in states[0].items():
        if not tensor.is_floating_point():
            merged[name] = tensor.clone()
            continue
        found = made(name, [state[name].double() for state in states])
        merged[name] = torch.as_tensor(found).to(tensor.dtype)
    return merged


def _cosine(mine: State, theirs: State) -> float:
    """Of all matrices together, each less its mean: what starts alike in every model (the ones of
    a norm or of a token's weight) says nothing of a common base."""
    dot = a = b = 0.0
    for name, tensor in mine.items():
        if tensor.is_floating_point() and tensor.dim() >= 2:
            x, y = (m[name].detach().double() for m in (mine, theirs))
            x, y = x - x.mean(), y - y.mean()
            dot += float((x * y).sum())
            a += float((x * x).sum())
            b += float((y * y).sum())
    return dot / (a * b) ** 0.5 if a and b else 1.0
