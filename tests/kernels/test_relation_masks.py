"""A relation's masks and weights in the engine, against the relation as a matrix."""

from __future__ import annotations

import pytest
import torch

from dipole.kernels import candidates, count, lse, negatives, pairs, positives, total, using
from dipole.relations import diagonal, function, listed, same_label, targets
from support.programs import difference

N = 7
IDS = torch.tensor([0, 1, 2, 0, 4, 5, 1])
LABELS = torch.tensor([0, 1, 0, 0, 1, 2, 2])
EYE, SAME = torch.eye(N), (LABELS[:, None] == LABELS).float()
TWINS = (IDS[:, None] == IDS) & (EYE == 0)
TEACHER = torch.rand(N, 3, generator=torch.Generator().manual_seed(0))
NOBODY = torch.zeros(N, N, dtype=torch.bool)
LISTED = torch.tensor([[3, -1], [0, 6], [2, 3], [-1, -1], [4, 4], [6, 0], [5, -1]])
LISTED_MATRIX = sum((LISTED[:, p, None] == torch.arange(N)).float() for p in range(2))

CASES = {
    "diagonal": (diagonal(), EYE, NOBODY),
    "without duplicates": (diagonal().without_duplicates(IDS), EYE, TWINS),
    "labels": (same_label(LABELS), SAME, NOBODY),
    "labels without self": (same_label(LABELS).without_self(), SAME, EYE.bool()),
    "labels, twins and self": (
        same_label(LABELS).without_self().without_duplicates(IDS),
        SAME,
        EYE.bool() | TWINS,
    ),
    "listed": (listed(LISTED, torch.arange(N)), LISTED_MATRIX, NOBODY),
    "targets": (targets(TEACHER @ TEACHER.T), TEACHER @ TEACHER.T, NOBODY),
    "function": (
        function(lambda i, j, a, b: a @ b.T * (i != j), (TEACHER,), (TEACHER,)),
        TEACHER @ TEACHER.T * (1 - EYE),
        NOBODY,
    ),
}


@pytest.mark.parametrize("executor", ["tiled", "dense"])
@pytest.mark.parametrize("name", CASES)
def test_relation(name, executor):
    relation, strength, dropped = CASES[name]
    strength = (strength * ~dropped).double()
    torch.manual_seed(0)
    q, k = torch.randn(2, N, 3, dtype=torch.float64)
    scores = q @ k.T
    asked = [
        total(weight=positives(relation)),
        count(weight=positives(relation)),
        lse(weight=positives(relation)),
        lse(mask=candidates(relation)),
        lse(mask=negatives(relation)),
    ]
    with using(executor=executor, tile=(2, 3)):
        found = pairs(q, k, row=asked, column=asked)
    for dim, values in ((1, found.row), (0, found.column)):
        wanted = [
            (strength * scores).sum(dim),
            strength.sum(dim),
            (scores + strength.log()).logsumexp(dim),
            scores.masked_fill(dropped, -torch.inf).logsumexp(dim),
            scores.masked_fill(dropped | (strength != 0), -torch.inf).logsumexp(dim),
        ]
        for a, b in zip(values, wanted, strict=True):
            assert difference(a, b) < 1e-6  # the teacher and its products are float32
