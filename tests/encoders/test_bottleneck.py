"""The identity at first, by hand after, and where there is no place for it."""

import pytest
import torch
from torch import nn

from dipole.encoders.bottleneck import Bottleneck, add_bottlenecks
from dipole.encoders.transformers_io import read_transformer
from dipole.errors import InputError


def test_by_hand():
    made = Bottleneck(nn.Linear(4, 6), 6, 3)
    x = torch.randn(2, 4)
    assert made(x).equal(made.base(x))
    nn.init.normal_(made.up.weight)
    h = made.base(x)
    inner = (h @ made.down.weight.T + made.down.bias).clamp(min=0)
    torch.testing.assert_close(made(x), h + inner @ made.up.weight.T + made.up.bias)


@pytest.mark.parametrize(("placement", "count"), [("both", 4), ("feed-forward", 2)])
def test_places(tiny, placement, count):
    made = add_bottlenecks(read_transformer(tiny), reduction=8, placement=placement)
    assert sum(isinstance(m, Bottleneck) for m in made.modules()) == count


def test_mistakes(tiny):
    with pytest.raises(InputError, match="placement: found 'all'"):
        add_bottlenecks(read_transformer(tiny), placement="all")
    with pytest.raises(InputError, match="reduction: found 0"):
        add_bottlenecks(read_transformer(tiny), reduction=0)
    plain = nn.Linear(3, 3)
    plain.config = type("Config", (), {"hidden_size": 3})()
    with pytest.raises(InputError, match="Linear: found no maps to put bottlenecks after"):
        add_bottlenecks(plain)
