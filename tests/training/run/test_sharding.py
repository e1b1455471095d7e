"""Every process holds its part, and the whole where it is asked for."""

import torch
import torch.distributed as dist

from dipole.objectives import InfoNCE
from dipole.training.run import sharding
from dipole.training.towers import Towers
from support import distributed
from support.tiny import TinyEncoder


def towers_of_this_process():
    torch.manual_seed(0)
    towers = Towers(TinyEncoder(), InfoNCE(learn_temperature=True))
    sharding.shard(towers)
    return towers


def parts():
    towers = towers_of_this_process()
    held = sum(
        p.to_local().numel() if hasattr(p, "to_local") else p.numel() for p in towers.parameters()
    )
    with sharding.whole(towers.encoder):
        whole = {name: value.clone() for name, value in towers.encoder.state_dict().items()}
        encoded = towers.encoder.encode(["abc"])
    after = sum(p.to_local().numel() for p in towers.encoder.parameters())
    return dist.get_rank(), held, after, whole, encoded


def test_each_holds_its_part_and_sees_the_whole():
    torch.manual_seed(0)
    encoder = TinyEncoder()
    total = sum(p.numel() for p in encoder.parameters())
    found = distributed.run(2, parts)
    assert [held - 1 for _, held, *_ in found] == [total / 2] * 2  # and the temperature
    for _, held, after, whole, encoded in found:
        assert after == held - 1
        assert all(torch.equal(whole[name], v) for name, v in encoder.state_dict().items())
        assert (encoded == encoder.encode(["abc"])).all()


def clipped(largest):
    towers = towers_of_this_process()
    generator = torch.Generator().manual_seed(3)
    for parameter in towers.parameters():
        whole = torch.randn(parameter.shape, generator=generator)
        if hasattr(parameter, "to_local"):
            from torch.distributed.tensor import distribute_tensor

            whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements)
        parameter.grad = whole
    norm = sharding.clip_norm(towers, largest)
    return norm, sharding.clip_norm(towers, 1e9)


def test_the_norm_is_that_of_all_gradients():
    towers = Towers(TinyEncoder(), InfoNCE(learn_temperature=True))
    generator = torch.Generator().manual_seed(3)
    squares = sum(
        float(torch.randn(p.shape, generator=generator).square().sum()) for p in towers.parameters()
    )
    for before, after in distributed.run(2, clipped, 0.5):
        assert abs(before - squares**0.5) < 1e-3
        assert abs(after - 0.5) < 1e-3


def test_alone_nothing_is_sharded():
    towers = towers_of_this_process()
    assert not any(hasattr(p, "to_local") for p in towers.parameters())


def test_the_norm_is_taken_of_what_is_there_alone(monkeypatch):
    """torch's norm of no gradients is a 0 on the CPU, which a GPU's cannot be added to."""
    asked, of = [], sharding.get_total_norm
    monkeypatch.setattr(sharding, "get_total_norm", lambda grads: asked.append(grads) or of(grads))
    tower = torch.nn.Linear(3, 1)
    assert sharding.clip_norm(tower, 1.0) == 0.0
    tower(torch.full((1, 3), 2.0)).sum().backward()
    torch.testing.assert_close(sharding.clip_norm(tower, 1.0), 13**0.5)
    assert len(asked) == 1
    assert len(asked[0]) == 2
