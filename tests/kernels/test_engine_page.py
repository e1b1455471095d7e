"""The examples of docs/engine.md run, and are the losses that they say they are."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from dipole.kernels import using

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"


def test_examples():
    names: dict[str, torch.Tensor] = {}
    with using(executor="tiled", tile=(32, 64)):
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
            exec(block, names)
    a, p, t = names["a"], names["p"], names["t"]
    scores = a @ p.T / t
    eye = torch.eye(len(a), dtype=torch.bool)
    others = scores.masked_fill(eye, -torch.inf)
    wanted = {
        "infonce": scores.logsumexp(1) - scores.diag(),
        "dcl": others.logsumexp(1) - scores.diag(),
        "sigmoid": torch.nn.functional.softplus(
            torch.where(eye, -1, 1) * (scores + names["bias"])
        ).sum(1),
    }
    z, y = names["z"], names["y"]
    readings = (z @ z.T / t).fill_diagonal_(-torch.inf)
    same = (y[:, None] == y) & ~torch.eye(len(z), dtype=torch.bool)
    wanted["supcon"] = readings.logsumexp(1) - torch.where(same, readings, 0).sum(1) / same.sum(1)
    wanted["energy"] = (4 * z @ z.T).fill_diagonal_(-torch.inf).flatten().logsumexp(0)
    soft = (names["teacher"] @ names["teacher"].T + 1) / 2
    wanted["soft"] = scores.logsumexp(1) - (soft * scores).sum(1) / soft.sum(1)
    hard = (0.5 * others).softmax(1)
    wanted["weighted"] = torch.where(eye, 0, hard * scores.exp()).sum(1).log()
    everything = torch.cat(
        [others, a @ names["queue"].T / t, (names["hard"] @ a[:, :, None])[..., 0] / t], 1
    )
    wanted["both"] = everything.logsumexp(1) - scores.diag()
    for name, value in wanted.items():
        assert torch.allclose(names[name], value, atol=1e-4), name
    assert names["multi_similarity"].isfinite().all()
    assert names["best"].shape == (20,)
