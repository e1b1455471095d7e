"""Settings hold inside a `with`, nest, and come back after an error."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch

from dipole.errors import InputError
from dipole.kernels import lse, pairs, settings, using


def test_nesting():
    assert settings().executor is None
    with using(executor="tiled", tile=(2, 2)):
        with using(bf16=True):
            assert settings() == type(settings())("tiled", (2, 2), True)
        with suppress(ZeroDivisionError), using(executor="dense"):
            assert settings().executor == "dense"
            assert 1 // 0
        assert settings().executor == "tiled"
        assert not settings().bf16
    assert settings().tile is None


def test_unknown_executor():
    with (
        pytest.raises(InputError, match="found 'fast', expected one of dense, tiled"),
        using(executor="fast"),
    ):
        pass


def test_the_backward_pass_runs_as_the_forward_pass_did():
    """Also outside of the `with`: the settings are the call's."""
    q = torch.randn(9, 3, requires_grad=True)
    with using(executor="tiled", tile=(2, 2)):
        loss = pairs(q, q, row=[lse()]).row[0].sum()
    with using(tile=(4, 1), bf16=True):
        (found,) = torch.autograd.grad(loss, q)
    (wanted,) = torch.autograd.grad((q @ q.T).logsumexp(1).sum(), q)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_executors_of_many_processes_work_alone():
    q = torch.randn(9, 3)
    for executor in ("gathered", "ring"):
        (row,) = pairs(q, q, row=[lse()], executor=executor).row
        assert torch.allclose(row, (q @ q.T).logsumexp(1), atol=1e-5)
