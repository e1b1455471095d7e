"""The energy hinge against the equation written out, and as a triplet loss."""

import torch

from dipole.objectives import EnergyHinge, Triplet
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, positive, negative=None, ids=None, negative_ids=None, *, margin):
    rows = []
    for i, a in enumerate(anchor):
        against = [
            cosine(a, p)
            for j, p in enumerate(positive)
            if j != i and (ids is None or ids[i] != ids[j])
        ]
        for j, n in enumerate([] if negative is None else negative):
            if ids is None or negative_ids is None or ids[i] != negative_ids[j]:
                against.append(cosine(a, n))
        hinge = margin + max(against, default=0) - cosine(a, positive[i])
        rows.append(max(0, hinge) if against else None)
    return rows


class TestEnergyHinge(Battery):
    spec = Spec("energy-hinge", oracle, settings=({"margin": 0.6},), smooth=False)


def test_is_half_the_hardest_triplet_at_twice_the_margin():
    anchor, positive, negative = torch.randn(3, 6, 4, dtype=torch.float64)
    wanted = Triplet(margin=0.8, mining="hard", distance="squared")(anchor, positive, negative) / 2
    torch.testing.assert_close(EnergyHinge(margin=0.4)(anchor, positive, negative), wanted)
