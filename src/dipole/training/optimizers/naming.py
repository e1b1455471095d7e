"""Optimisers by name, with their settings: `adamw`, or `file.py:Class`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dipole.data.options import check_names, check_types
from dipole.errors import InputError
from dipole.lookup import find
from dipole.training.schedule import decay_at

if TYPE_CHECKING:
    import torch

    from dipole.training.config import Config
    from dipole.training.towers import Towers

OPTIMIZERS = {
    "adamw": "torch.optim:AdamW",
    "sgd": "torch.optim:SGD",
    "lars": "dipole.training.optimizers.lars:LARS",
    "muon": "dipole.training.optimizers.muon:Muon",
}
# Weight decay where none is given: that of the papers, SGD's as MoCo and LARS's as SimCLR have it.
DECAYS = {"adamw": 0.01, "muon": 0.01, "sgd": 1e-4, "lars": 1e-6}
# Those for which a learning rate means what it means for AdamW, a tower's default.
_LIKE_ADAMW = ("adamw", "muon")
# Arguments that are settings of the training, or say how torch computes.
_NOT_OPTIONS = {
    "self", "params", "lr", "weight_decay", "foreach", "fused", "capturable", "differentiable",
    "maximize", "decoupled_weight_decay",
}  # fmt: skip


def optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    """The class of this name, or at `file.py:Class`."""
    import torch

    base = torch.optim.Optimizer
    found: type[torch.optim.Optimizer] = find(
        "optimizer", name, OPTIMIZERS, base=base, others="one of your own, as file.py:Class"
    )
    return found


def check_optimizer(config: Config) -> None:
    """Raise InputError, before anything is loaded, at settings that the optimiser does not take."""
    options = config.optimizer_options
    if config.optimizer == "adamw" and not options:
        return
    cls = optimizer_class(config.optimizer)
    known = [name for name in _arguments(cls) if name not in _NOT_OPTIONS]
    check_names(options, known, "optimizer option", config.optimizer)
    check_types(cls.__init__, options, "optimizer option")
    from torch import nn, zeros

    _made(cls, config, [{"params": [nn.Parameter(zeros(1, 1))], "muon": True}])
    if config.sharded and config.optimizer == "muon":
        raise InputError(
            "optimizer: found muon with --sharded, and it needs whole matrices; expected adamw, "
            "sgd or lars, or no --sharded"
        )
    if config.learning_rate is None and not takes_rates_of_adamw(config.optimizer):
        raise InputError(
            f"learning_rate: found none, and the encoder's own is AdamW's, not {config.optimizer}'s"
            "; expected --learning-rate"
        )


def takes_rates_of_adamw(name: str) -> bool:
    """Whether a learning rate that was chosen for AdamW is one for this optimiser."""
    return name in _LIKE_ADAMW


def defaults_of(config: Config) -> dict[str, Any]:
    """Settings that were not given and are the optimiser's own."""
    missing = config.weight_decay is None
    return {"weight_decay": DECAYS.get(config.optimizer, 0.0)} if missing else {}


def make_optimizer(config: Config, towers: Towers) -> torch.optim.Optimizer:
    """The optimiser of a training; every group of weights has its `factor` of the rate."""
    groups = towers.parameter_groups(decay_at(config, 0.0))
    if config.optimizer == "muon":
        from dipole.training.optimizers.muon import split

        groups = split(groups, towers)
    return _made(optimizer_class(config.optimizer), config, groups)


def _made(
    cls: Callable[..., torch.optim.Optimizer], config: Config, groups: list[dict[str, Any]]
) -> torch.optim.Optimizer:
    options: dict[str, Any] = {n: _tuple(x) for n, x in config.optimizer_options.items()}
    if config.optimizer == "adamw":
        options["fused"] = True
    try:
        return cls(groups, lr=config.learning_rate or 0.0, **options)
    except (TypeError, ValueError) as error:
        raise InputError(f"optimizer {config.optimizer}: {error}") from None


def _arguments(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls.__init__).parameters  # type: ignore[misc]


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # yaml has no tuples
