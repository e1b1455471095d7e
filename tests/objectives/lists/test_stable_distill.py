"""Stable distillation against the equation written out."""

import math

import torch

from dipole.objectives import InfoNCE, ListMLE, StableDistill
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor, candidates, teacher_scores, candidate_ids=None, *, temperature, teacher_temperature
):
    n, k = teacher_scores.shape
    name = [[(i, c) if candidate_ids is None else candidate_ids[i][c] for c in range(k)]
            for i in range(n)]  # fmt: skip
    rows = []
    for i in range(n):
        t = [x / teacher_temperature for x in teacher_scores[i]]
        best_first = sorted(range(k), key=lambda c: -t[c])
        own = [cosine(anchor[i], c) / temperature for c in candidates[i]]
        others = [
            cosine(anchor[i], candidates[j][c]) / temperature
            for j in range(n)
            for c in range(k)
            if j != i and name[j][c] not in name[i]
        ]
        loss = 0.0
        for m, c in enumerate(best_first):
            left = [own[x] for x in best_first[m:]]
            loss += math.exp(t[c] - lse(t)) * (lse(left + others) - own[c])
        rows.append(loss)
    return rows


def with_teacher(sizes, generator):
    shape = sizes.n, sizes.k
    return {"teacher_scores": torch.rand(shape, generator=generator, dtype=torch.float64)}


class TestStableDistill(Battery):
    spec = Spec(
        "stable-distill",
        oracle,
        settings=({"temperature": 0.3, "teacher_temperature": 0.5},),
        draw=with_teacher,
        shapes={"teacher_scores": "n k"},
    )


def test_a_sure_teacher_is_infonce() -> None:
    a, c = torch.randn(4, 8), torch.randn(4, 3, 8)
    sure = torch.tensor([[1e6, 0.0, 0.0]]).expand(4, 3)
    flat = InfoNCE(0.1, symmetric=False)(a, c[:, 0], negative=c[:, 1:].flatten(0, 1))
    assert torch.allclose(StableDistill(0.1)(a, c, sure), flat)


def test_one_list_is_a_weighted_likelihood_of_its_order() -> None:
    a, c = torch.randn(1, 8), torch.randn(1, 4, 8)
    nearly_flat = torch.tensor([[3.0, 1.0, 2.0, 0.0]])
    mean = StableDistill(0.1, teacher_temperature=1e9)(a, c, nearly_flat)
    assert torch.allclose(4 * mean, ListMLE(0.1)(a, c, nearly_flat), rtol=1e-4)
