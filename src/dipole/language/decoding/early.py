"""Next-token distributions of early layers (DoLa), and which of them differs most from the last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dipole.errors import InputError


def final_norm(model: Any) -> Callable[[Tensor], Tensor]:
    """What a causal language model does to its last layer's output before the head.

    Architectures call it `norm`, `ln_f`, `final_layer_norm` ...: it is found by what it does, as
    the last module without children whose output is the last state. A model without one (its
    layers end in a norm) gives the identity.
    """
    outputs: list[tuple[nn.Module, Tensor]] = []  # kept, so that no address is used twice

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            outputs.append((module, output))

    body = model.base_model
    layers = {m for stack in body.modules() if isinstance(stack, nn.ModuleList) for m in
              stack.modules()}  # fmt: skip
    leaves = [m for m in body.modules() if m not in layers and not list(m.children())]
    hooks = [leaf.register_forward_hook(keep) for leaf in leaves]
    try:
        with torch.no_grad():
            ids = torch.zeros(1, 1, dtype=torch.long, device=model.device)
            last = body(input_ids=ids, use_cache=False).last_hidden_state
    finally:
        for hook in hooks:
            hook.remove()
    found = [m for m, output in outputs if output.data_ptr() == last.data_ptr()]
    return found[-1] if found else lambda states: states


def early_layers(wanted: Any, depth: int, *, tied: bool) -> tuple[int, ...]:
    """The layers to choose from, of a model of `depth` layers; 0 is the embeddings.

    wanted: "low" or "high" (every second layer of that half; of more than 40 layers, those below 20
    or the last 20), one layer, or a list. tied: whether head and embeddings are one matrix, so that
    the lowest layers only repeat the token that was read, and "low" begins at 2. (As transformers'
    `dola_layers`.)

    >>> early_layers("low", 12, tied=True), early_layers("high", 12, tied=True)
    ((2, 4), (6, 8, 10))
    """
    if wanted == "low":
        first = min(2, depth // 2) if tied else 0
        found = range(first, 20 if depth > 40 else depth // 2, 2) or [first]
        return tuple(found)
    if wanted == "high":
        return tuple(range(depth - 20 if depth > 40 else depth // 2, depth, 2))
    layers = [wanted] if isinstance(wanted, int) else wanted
    is_list = isinstance(layers, list | tuple) and bool(layers)
    whole = is_list and all(isinstance(x, int) and not isinstance(x, bool) for x in layers)
    if not whole or not all(0 <= layer < depth for layer in layers):
        raise InputError(
            f"layers: found {wanted!r}; expected low, high, or layers from 0 (the embeddings) to "
            f"{depth - 1}, as [0, 2, 4]"
        )
    return tuple(sorted(set(layers)))


def divergences(last: Tensor, early: Tensor, *, published: bool = False) -> Tensor:
    """How far early layers' next-token distributions are from the last layer's, (n, layers).

        JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2,   m = (p + q) / 2

    DoLa's published code has the arguments of both KL the other way round; `published` gives that,
    KL(m || p) / 2 + KL(m || q) / 2, which picks another layer now and then.

    Args:
        last: log-probabilities (n, vocabulary).
        early: log-probabilities (n, layers, vocabulary).

    Source: Chuang et al. 2024, DoLa, arXiv 2309.03883.

    >>> p = torch.tensor([[0.5, 0.5]]).log()
    >>> divergences(p, torch.stack([p, torch.tensor([[0.9, 0.1]]).log()], 1))
    tensor([[0.0000, 0.1017]])
    """
    p, q = last[:, None].expand_as(early), early
    m = torch.logaddexp(p, q) - math.log(2)

    def kl(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(a == -torch.inf, 0.0, a.exp() * (a - b)).sum(-1)

    return (kl(m, p) + kl(m, q) if published else kl(p, m) + kl(q, m)) / 2


def farthest(last: Tensor, early: Sequence[Tensor], *, published: bool = False) -> Tensor:
    """The place in `early` of the layer that differs most from the last one, for each row, (n,).

    Every one is log-probabilities, (n, vocabulary); of equals the lowest layer.
    """
    if len(early) == 1:
        return torch.zeros(len(last), dtype=torch.long, device=last.device)
    return divergences(last, torch.stack(list(early), 1), published=published).argmax(1)
