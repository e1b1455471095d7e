"""Pairs of modalities against the equation written out."""

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import InfoNCE, Modalities
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(views, ids=None, *, temperature, centre, within, learn_temperature):
    v, n = len(views), len(views[0])
    directions = []
    for u in range(v):
        for w in range(v):
            if u == w or (centre and 0 not in (u, w)):
                continue
            rows = []
            for i in range(n):
                seen = [j for j in range(n) if j == i or ids is None or ids[i] != ids[j]]
                logits = {j: cosine(views[u][i], views[w][j]) / temperature for j in seen}
                own = [cosine(views[u][i], views[u][j]) / temperature for j in seen if j != i]
                rows.append(lse([*logits.values(), *(own if within else ())]) - logits[i])
            directions.append(rows)
    return np.mean(directions, axis=0).tolist()


class TestModalities(Battery):
    spec = Spec(
        "modalities",
        oracle,
        settings=(
            {"temperature": 0.3},
            {"temperature": 0.3, "centre": True},
            {"temperature": 0.3, "within": True},
        ),
    )


def test_two_modalities_are_infonce():
    views = torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(Modalities(0.1)(views), InfoNCE(0.1)(*views))


def test_one_modality_is_too_few():
    with pytest.raises(InputError, match=r"views: found shape \(1, .*\), expected 2 views or more"):
        Modalities()(torch.randn(1, 4, 3))
