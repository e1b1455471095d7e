"""One step of a recipe without a training: the gradient, and the towers with their parts."""

import numpy as np
import torch

from dipole.training.batches import collate
from dipole.training.build import build_objective, build_parts, build_side_views, build_views
from dipole.training.config import make_config
from dipole.training.rendering import render
from dipole.training.towers import Towers, inputs_of


def gradient(recipe, examples, encoder, **settings):
    """Of the encoder's weights, after a step has passed that the student went on from; the towers.

    encoder: a function that makes it. Settings go before the recipe's.
    """
    torch.manual_seed(0)
    made = encoder()
    config = make_config(data="x", **(recipe.settings | settings))
    objective = build_objective(config)
    inputs = inputs_of(objective)
    parts = build_parts(config, made, examples, objective)
    towers = Towers(made, objective, parts).train()
    views = build_views(config, examples, inputs)
    sides = build_side_views(config, examples, inputs, parts)
    if hasattr(objective, "bind"):
        objective.bind(len(examples))
    for step in range(2):
        rows = np.arange(len(examples))
        batch = collate(examples, rows, made, views=views, sides=sides, seed=(0, step))
        torch.manual_seed(1)
        loss = towers(render(batch.columns, views, None, sides), batch.tensors)
        if not step:
            _moved(towers.encoder)
            towers.after_step()
    loss.backward()
    found = [p.grad.flatten() for p in towers.encoder.parameters() if p.grad is not None]
    return torch.cat(found), towers


@torch.no_grad()
def _moved(encoder):
    """The student goes on; a momentum encoder lags behind."""
    for parameter in encoder.parameters():
        parameter.mul_(torch.linspace(0.5, 1.5, parameter.numel()).view(parameter.shape))
