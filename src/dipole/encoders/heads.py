"""Projection heads: used in training, dropped afterwards."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from dipole.data.inputs import whole_number
from dipole.data.options import check_memory, check_names, check_types
from dipole.errors import InputError


class ProjectionHead(nn.Sequential):
    """A linear map, or a perceptron with one hidden layer, applied before the objective.

    linear: z = W h + b. With `hidden`: z = W2 relu(norm(W1 h)) + b2, norm a batch normalisation if
    `batch_norm` (then W1 has no bias, the normalisation has one).
    Source: SimCLR, arXiv 2002.05709, section 4.2 (hidden = dim, out = 128).

    Shapes: (n, dim) -> (n, out).

    Example:
        >>> ProjectionHead(384, 128, hidden=384)(torch.randn(4, 384)).shape
        torch.Size([4, 128])
    """

    def __init__(
        self, dim: int, out: int, *, hidden: int | None = None, batch_norm: bool = False
    ) -> None:
        layers: list[nn.Module] = []
        whole_number(out, "head: out")
        if hidden is not None:
            whole_number(hidden, "head: hidden")
        elif batch_norm:
            raise InputError("head: found batch_norm without a hidden layer; expected hidden too")
        check_memory((hidden or 0) * (dim + out) + (0 if hidden else dim * out), "head")
        if hidden is None:
            layers.append(nn.Linear(dim, out))
        else:
            layers.append(nn.Linear(dim, hidden, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(hidden))
            layers += [nn.ReLU(), nn.Linear(hidden, out)]
        super().__init__(*layers)
        self.dim = dim
        self.out = out


class ExpertsHead(nn.Module):
    """A mixture of copies of a head, each row through its best few.

        z = sum_{e in top(x)} g_e E_e(x),   g = softmax of the gate's logits over top(x),

    top(x) the `active` experts of the largest logits W x. The experts start as copies of `head`,
    so at first this is that head, whatever the gate says (`upcycled`). `routes=` sends row i
    through expert routes_i alone: a domain through its own.

    Shapes: (n, dim) -> (n, out); routes (n,), integers.
    Source: Hallee et al. 2024, Contrastive Learning and Mixture of Experts Enables Precise Vector
    Embeddings, arXiv 2401.15713 (there the maps inside a transformer's layers are copied).

    Example:
        >>> head = ProjectionHead(4, 2)
        >>> x = torch.randn(3, 4)
        >>> torch.allclose(ExpertsHead(head, experts=3)(x), head(x), atol=1e-6)
        True
    """

    def __init__(self, head: ProjectionHead, *, experts: int, active: int = 1) -> None:
        super().__init__()
        whole_number(experts, "head: experts")
        if not 1 <= whole_number(active, "head: active", 0) <= experts:
            raise InputError(
                f"active: found {active} of {experts} experts, expected 1 to {experts}"
            )
        check_memory(experts * sum(p.numel() for p in head.parameters()), "head: experts")
        self.dim, self.out, self.active = head.dim, head.out, active
        self.experts = nn.ModuleList(copy.deepcopy(head) for _ in range(experts))
        self.gate = nn.Linear(head.dim, experts, bias=False)

    def forward(self, x: Tensor, routes: Tensor | None = None) -> Tensor:
        """Rows through their experts, in their order."""
        if routes is None:
            logits, chosen = self.gate(x).topk(self.active, dim=1)
            # The share of one expert alone is 1, which would give the gate no gradient: it gets
            # that of the log probability.
            share = logits.softmax(1) if self.active > 1 else _through(self.gate(x), chosen)
        else:
            chosen, share = routes[:, None], torch.ones(len(x), 1, dtype=x.dtype, device=x.device)
        out = x.new_zeros(len(x), self.out)
        for number, expert in enumerate(self.experts):
            row, place = (chosen == number).nonzero(as_tuple=True)
            if len(row):
                out = out.index_add(0, row, expert(x[row]) * share[row, place, None])
        return out

    def routing(self, x: Tensor) -> Tensor:
        """Probabilities of the experts, (n, experts), for `routing_information`."""
        return self.gate(x).softmax(1)


def make_head(
    dim: int, given: int | dict[str, Any], *, hidden: int | None = None
) -> ProjectionHead | ExpertsHead:
    """A head by an encoder's option `head`: its output's size, or the settings of both classes.

    hidden: the hidden layer where only a size is given.
    """
    size: dict[str, Any] = {"out": given, "hidden": hidden}
    if isinstance(given, dict):
        size = dict(given)
    check_names(size, ("out", "hidden", "batch_norm", "experts", "active"), "head option")
    if "out" not in size:
        raise InputError("head: found no out; expected the size of its output")
    experts: dict[str, Any] = {
        name: size.pop(name) for name in ("experts", "active") if name in size
    }
    check_types(ProjectionHead.__init__, size, "head option")
    check_types(ExpertsHead.__init__, experts, "head option")
    if "active" in experts and "experts" not in experts:
        raise InputError("head: found active without experts; expected both")
    head = ProjectionHead(dim, **size)
    return ExpertsHead(head, **experts) if experts else head


def routing_information(routing: Tensor, domains: Tensor) -> Tensor:
    """-I(expert; domain) of a batch: added to a loss, domains get experts of their own.

    p(e, c) is the mean of the routing over the rows of each domain, weighted by its share.
    Shapes: routing (n, experts), rows sum to 1; domains (n,) integers -> scalar, 0 to -log experts.
    """
    classes, inverse = torch.unique(domains, return_inverse=True)
    joint = routing.new_zeros(len(classes), routing.shape[1]).index_add(0, inverse, routing)
    joint = joint / len(routing)
    apart = joint.sum(0) * joint.sum(1, keepdim=True)
    return -torch.special.xlogy(joint, joint / apart.clamp(min=1e-30)).sum()


def _through(logits: Tensor, chosen: Tensor) -> Tensor:
    """1 in value, with the gradient of the chosen log probability."""
    log_p = logits.log_softmax(1).gather(1, chosen)
    return torch.exp(log_p - log_p.detach())
