"""Encoder and objective as one module: one forward per step, whatever the objective takes."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from dipole.encoders.base import Encoder, Features
from dipole.objectives.base import Objective, forward_inputs
from dipole.training.gradient_cache import encode_chunks


class Towers(nn.Module):
    """Features of all columns -> loss.

    The encoder of every column is the same one here; its `role` travels in the features. One
    module and one forward, because DistributedDataParallel wants to see both.
    """

    def __init__(self, encoder: Encoder, objective: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.objective = objective

    def forward(self, columns: dict[str, list[Features]], tensors: dict[str, Tensor]) -> Tensor:
        """The objective of a batch, a scalar."""
        vectors = {name: encode_chunks(self.encoder, chunks) for name, chunks in columns.items()}
        loss: Tensor = self.objective(**pick(self.objective, vectors | tensors))
        return loss

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Matrices with weight decay; vectors, scalars and the objective's parameters without.

        A tower may multiply the learning rate of a parameter (`encoder.rate_factors`, by name).
        """
        factors: dict[str, float] = getattr(self.encoder, "rate_factors", {})
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            decays = parameter.ndim >= 2 and name.startswith("encoder.")
            factor = factors.get(name.removeprefix("encoder."), 1.0)
            groups.setdefault((weight_decay if decays else 0.0, factor), []).append(parameter)
        return [
            {"params": parameters, "weight_decay": decay, "factor": factor}
            for (decay, factor), parameters in groups.items()
        ]


def pick(objective: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What of a batch an objective, or anyone's module, takes: by the names of its `forward`."""
    if isinstance(objective, Objective):
        return objective.pick(batch)
    wanted = forward_inputs(type(objective).forward)
    return {name: value for name, value in batch.items() if name in wanted}
