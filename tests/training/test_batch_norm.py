"""Statistics of the batch of all processes; what cannot have them is refused."""

import copy

import pytest
import torch
import torch.distributed as dist
from torch import nn

from dipole.errors import InputError
from dipole.kernels import using
from dipole.training.batch_norm import over_whole_batches
from support import distributed

SHAPES = {"1d": (7, 3), "line": (7, 3, 4), "2d": (7, 3, 2, 5), "3d": (7, 3, 2, 2, 2)}
CUTS = {1: [0, 7], 2: [0, 5, 7], 4: [0, 1, 4, 5, 7]}


def layers(momentum=0.1, **options):
    made = {"1d": nn.BatchNorm1d, "line": nn.BatchNorm1d, "2d": nn.BatchNorm2d}
    made["3d"] = nn.BatchNorm3d
    return nn.ModuleDict({k: m(3, momentum=momentum, **options) for k, m in made.items()}).double()


def found(options):
    """Outputs and gradients of this process's rows of two batches, and what is remembered."""
    module = layers(**options)
    over_whole_batches(module, None)
    cut = CUTS[dist.get_world_size()]
    rows = slice(cut[dist.get_rank()], cut[dist.get_rank() + 1])
    generator = torch.Generator().manual_seed(0)
    results = {}
    for name, layer in module.items():
        for step in range(2):
            x = torch.randn(SHAPES[name], generator=generator, dtype=torch.float64) + 3
            weight = torch.randn(SHAPES[name], generator=generator, dtype=torch.float64)
            part = x[rows].clone().requires_grad_()
            y = layer(part)
            # A process's loss is its share of the sum.
            (y * y * weight[rows]).sum().backward()
            results[f"{name} {step}"] = torch.cat([y.detach(), part.grad], 1)
        for key, value in layer.state_dict().items():
            results[f"{name} {key}"] = value
        for key, parameter in layer.named_parameters():
            if dist.get_world_size() > 1:  # as DistributedDataParallel, but for the mean
                dist.all_reduce(parameter.grad)
            results[f"{name} gradient of {key}"] = parameter.grad
    return results


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize(
    "options", [{}, {"momentum": None}, {"affine": False, "track_running_stats": False}]
)
def test_several_processes_normalise_as_one(processes, options):
    (one,) = distributed.run(1, found, options)
    several = distributed.run(processes, found, options)
    for name, expected in one.items():
        parts = [results[name] for results in several]
        together = torch.cat(parts) if name[-2:] in (" 0", " 1") else parts[0]
        torch.testing.assert_close(together, expected, rtol=1e-9, atol=1e-9)


def replicated():
    """A batch that every process holds is no part of anything."""
    module = layers()
    over_whole_batches(module, None)
    plain = layers()
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with using(executor="tiled"):
        same = torch.equal(module["1d"](x), plain["1d"](x))
    return same and torch.equal(module["1d"].eval()(x), plain["1d"].eval()(x))


def refused():
    class Own(nn.BatchNorm1d):
        pass

    try:
        over_whole_batches(nn.Sequential(nn.Linear(2, 2), Own(2)), None)
    except InputError as error:
        return str(error)
    return None


def test_batches_that_are_not_shared_and_classes_that_cannot_share():
    assert distributed.run(2, replicated) == [True, True]
    for message in distributed.run(2, refused):
        assert message.startswith("1: found Own, which does not share its statistics")
    assert distributed.run(1, refused) == [None]


def test_pieces_of_a_batch_have_no_statistics_of_it():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    kept = copy.deepcopy(module)
    with pytest.raises(InputError, match=r"chunk: found batch normalisation \(1\)"):
        over_whole_batches(module, 4)
    over_whole_batches(module, None)
    assert type(module[1]) is nn.BatchNorm1d  # one process needs no other class
    assert module.state_dict().keys() == kept.state_dict().keys()
