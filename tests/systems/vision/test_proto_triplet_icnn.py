"""Of an episode each loss is given what it is of: two of them queries and support, one all rows."""

import torch

from dipole.objectives import ICNN, ProtoTriplet, Prototypical
from dipole.systems.vision.proto_triplet_icnn import SYSTEM, Episode
from dipole.training.build import build_objective
from dipole.training.config import make_config


def test_the_sum_by_hand():
    whole, labels = torch.randn(20, 4), torch.arange(20) % 2
    rows = {"anchor": whole, "labels": labels, "rows": torch.arange(20)}
    objective = build_objective(make_config(data="FILE", **SYSTEM.recipe.settings))
    found = objective(**objective.pick(Episode(shots=3).before(rows)))
    episode = (whole[6:], labels[6:], whole[:6], labels[:6])
    wanted = Prototypical()(*episode) + ProtoTriplet()(*episode) + ICNN()(whole[None], labels)
    torch.testing.assert_close(found, wanted)
