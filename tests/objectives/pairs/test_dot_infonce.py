"""InfoNCE of dot products against the equation written out, and torch's cross-entropy."""

import torch
from torch.nn.functional import cross_entropy

from dipole.objectives import DotInfoNCE
from support.battery import Battery
from support.spec import Spec, lse


def oracle(
    anchor, positive, negative=None, ids=None, negative_ids=None, *,
    temperature, symmetric, learn_temperature,
):  # fmt: skip
    known = None if ids is None else negative_ids
    rows = direction(anchor, positive, negative, ids, known, temperature)
    if not symmetric:
        return rows
    return rows, direction(positive, anchor, None, ids, None, temperature)


def direction(anchor, positive, negative, ids, negative_ids, temperature):
    rows = []
    for i, a in enumerate(anchor):
        scores = [
            float(a @ c) / temperature
            for j, c in enumerate(positive)
            if j == i or ids is None or ids[j] != ids[i]
        ]
        for j, c in enumerate([] if negative is None else negative):
            if negative_ids is None or negative_ids[j] != ids[i]:
                scores.append(float(a @ c) / temperature)
        rows.append(lse(scores) - float(a @ positive[i]) / temperature)
    return rows


class TestDotInfoNCE(Battery):
    spec = Spec(
        "dot-infonce",
        oracle,
        settings=({}, {"temperature": 0.7, "symmetric": True, "learn_temperature": True}),
    )


def test_it_is_the_cross_entropy_of_dot_products():
    anchor, positive, negative = torch.randn(3, 6, 4, dtype=torch.float64)
    logits = anchor @ torch.cat([positive, negative]).T
    wanted = cross_entropy(logits, torch.arange(6))
    torch.testing.assert_close(DotInfoNCE()(anchor, positive, negative), wanted)
