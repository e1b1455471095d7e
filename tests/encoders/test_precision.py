from __future__ import annotations

import pytest
import torch
from torch import nn

from dipole.encoders import precision
from dipole.encoders.precision import at_precision
from dipole.errors import InputError

CPU = torch.device("cpu")


def product_dtype() -> torch.dtype:
    return nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype


def test_each_precision_computes_in_what_it_says() -> None:
    with at_precision(CPU, "bfloat16"):
        assert product_dtype() == torch.bfloat16
    with at_precision(CPU, "float32"):
        assert product_dtype() == torch.float32


@pytest.mark.parametrize("faster", [True, False])
def test_auto_takes_bfloat16_where_it_is_faster(
    faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_is_faster", lambda device_type: faster)
    with at_precision(CPU, "auto"):
        assert product_dtype() == (torch.bfloat16 if faster else torch.float32)


def test_faster_is_decided_once_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {torch.float32: 3.0, torch.bfloat16: 1.0}
    monkeypatch.setattr(precision, "_seconds", lambda a, b: times[a.dtype])
    monkeypatch.setattr(precision, "_FASTER", {})
    assert precision.bfloat16_is_faster("cpu")
    times[torch.bfloat16] = 2.9
    assert precision.bfloat16_is_faster("cpu")
    precision._FASTER.clear()
    assert not precision.bfloat16_is_faster("cpu")
    assert not precision.bfloat16_is_faster("mps")
    precision.settle("cpu", True)
    assert precision.bfloat16_is_faster("cpu")


def test_inside_an_autocast_that_trains_gradients_still_reach_the_weights() -> None:
    # A cast weight cached in here without gradient would cut the training step off its weight.
    layer = nn.Linear(3, 3)
    x = torch.ones(2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.inference_mode(), at_precision(CPU, "bfloat16"):
            layer(x)
        layer(x).sum().backward()
    assert layer.weight.grad is not None


def test_float32_holds_inside_an_outer_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16), at_precision(CPU, "float32"):
        assert product_dtype() == torch.float32


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="'fp16'; expected 'auto', 'float32' or 'bfloat16'"):
        at_precision(CPU, "fp16").__enter__()  # type: ignore[arg-type]
