"""ListMLE against the equation written out, and what it is: a likelihood."""

import itertools
import math

import pytest
import torch

from dipole.objectives import ListMLE
from dipole.objectives.lists.listmle import order_refined
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, candidates, relevance, mask=None, *, temperature):
    rows = []
    for i, row in enumerate(candidates):
        kept = [k for k in range(len(row)) if mask is None or mask[i][k]]
        s = {k: cosine(anchor[i], row[k]) / temperature for k in kept}
        terms = [lse(s[l] for l in kept if relevance[i][l] <= relevance[i][k]) - s[k] for k in kept]
        rows.append(sum(terms) if terms else None)
    return rows


def with_mask(sizes, generator):
    mask = torch.rand(sizes.n, sizes.k, generator=generator) < 0.7
    mask[-1] = sizes.n == 1
    return {"mask": mask}


class TestListMLE(Battery):
    spec = Spec(
        "listmle",
        oracle,
        settings=({"temperature": 0.3},),
        draw=with_mask,
        shapes={"mask": "n k"},
    )


def test_the_likelihoods_of_all_orders_add_up_to_one():
    anchor, candidates = torch.randn(1, 3).double(), torch.randn(1, 4, 3).double()
    orders = [torch.tensor([p], dtype=torch.float64) for p in itertools.permutations(range(4))]
    total = sum(math.exp(-ListMLE(0.5)(anchor, candidates, y)) for y in orders)
    assert total == pytest.approx(1, abs=1e-12)


def test_the_order_of_the_scores_is_the_likeliest():
    anchor, candidates = torch.randn(1, 3).double(), torch.randn(1, 4, 3).double()
    found = torch.cosine_similarity(anchor[:, None], candidates, dim=-1)
    best = ListMLE()(anchor, candidates, found)
    for p in itertools.permutations(range(4)):
        assert ListMLE()(anchor, candidates, found[:, list(p)]) >= best


def test_refined_targets():
    """By hand: row 0 says 0.2, 0.6 for the elements made first and second; they swap by half."""
    teacher = torch.tensor([[1.0, 0.2, 0.6], [0.2, 1.0, 0.5], [0.6, 0.5, 1.0]])
    shift = math.log(1 + 0.5 * 0.4)
    wanted = teacher.clone()
    wanted[0, 1] = wanted[1, 0] = 0.2 + shift
    wanted[0, 2] = wanted[2, 0] = 0.6 - shift
    torch.testing.assert_close(order_refined(teacher), wanted)
    torch.testing.assert_close(order_refined(teacher, omega=0), teacher)
