"""Weights, gradients and optimiser state in parts over the processes (FSDP)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def shard(towers: nn.Module) -> None:
    """Give every process its part of every tensor; nothing happens in a process alone.

    The whole of the weights, and of their gradient, exists during a step only; the optimiser's
    state (eight bytes a weight for AdamW) never does. One unit for all of it, so that processes
    may encode different numbers of pieces. An objective's own few weights stay whole.
    """
    if dist.is_initialized() and dist.get_world_size() > 1:
        objectives = re.compile(r"(others\.\d+\.)?objective\.")
        kept = {p for n, p in towers.named_parameters() if objectives.match(n)}
        kept |= {p for p in towers.parameters() if p.dim() == 0}
        fully_shard(towers, ignored_params=kept)


@contextmanager
def whole(module: nn.Module) -> Iterator[None]:
    """Inside, all weights of a module are on every process: to encode, to save."""
    sharded: list[tuple[nn.Module, str, Any]] = [
        (part, name, parameter)
        for part in module.modules()
        for name, parameter in part._parameters.items()
        if isinstance(parameter, DTensor)
    ]
    made: dict[int, nn.Parameter] = {}  # one that two modules share stays shared
    for part, name, parameter in sharded:
        if id(parameter) not in made:
            full = parameter.full_tensor()
            made[id(parameter)] = nn.Parameter(full, requires_grad=parameter.requires_grad)
        part._parameters[name] = made[id(parameter)]
    try:
        yield
    finally:
        for part, name, parameter in sharded:
            part._parameters[name] = parameter


def average_kept(towers: nn.Module) -> None:
    """The gradients that FSDP leaves alone: those of weights that are not sharded."""
    if isinstance(towers, FSDPModule):
        for parameter in towers.parameters():
            if parameter.grad is not None and not isinstance(parameter, DTensor):
                dist.all_reduce(parameter.grad)
                parameter.grad /= dist.get_world_size()


def clip_norm(towers: nn.Module, largest: float) -> float:
    """Scale all gradients so that their norm is at most `largest`; the norm before."""
    parameters = [p for p in towers.parameters() if p.grad is not None]
    kinds = [
        [p for p in parameters if isinstance(p, DTensor) is sharded] for sharded in (True, False)
    ]
    kinds = [kind for kind in kinds if kind]  # of none the norm is a 0 on the CPU
    if not kinds:
        return 0.0
    norms = [
        _number(get_total_norm([p.grad for p in kind if p.grad is not None])) for kind in kinds
    ]
    total = torch.linalg.vector_norm(torch.stack(norms))
    for kind in kinds:
        clip_grads_with_norm_(kind, largest, total)
    return float(total)


def _number(norm: torch.Tensor) -> torch.Tensor:
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def state_of(towers: nn.Module, optimizer: Any) -> dict[str, Any]:
    """The whole state, on the CPU of the main process; every process must ask."""
    return {
        "towers": get_model_state_dict(towers, options=_WHOLE),
        "optimizer": get_optimizer_state_dict(towers, optimizer, options=_WHOLE),
    }


def load_state(towers: nn.Module, optimizer: Any, state: dict[str, Any]) -> None:
    """Give every process its part of a whole state, whatever number of processes made it."""
    set_model_state_dict(towers, state["towers"], options=_WHOLE)
    set_optimizer_state_dict(towers, optimizer, state["optimizer"], options=_WHOLE)
