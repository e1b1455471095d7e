"""Distributions over a bank against the equation written out."""

import numpy as np
import torch

from dipole.objectives import SCT, KLListwise
from dipole.objectives.pairs.sct import similarity_distribution
from support.battery import Battery
from support.spec import Spec, cosine, lse


def one_side(student, teacher, queue, temperature, teacher_temperature):
    bank = [*teacher, *([] if queue is None else queue)]
    rows = []
    for s, t in zip(student, teacher, strict=True):
        theirs = [cosine(t, q) / teacher_temperature for q in bank]
        mine = [cosine(s, q) / temperature for q in bank]
        log_p = [x - lse(theirs) for x in theirs]
        log_q = [x - lse(mine) for x in mine]
        rows.append(sum(np.exp(p) * (p - q) for p, q in zip(log_p, log_q, strict=True)))
    return rows


def oracle(
    anchor,
    positive,
    teacher_anchor,
    teacher_positive,
    queue=None,
    *,
    temperature,
    teacher_temperature,
    at,
    **_,
):
    queue = None if queue is None else at["queue"]
    first = one_side(positive, at["teacher_anchor"], queue, temperature, teacher_temperature)
    second = one_side(anchor, at["teacher_positive"], queue, temperature, teacher_temperature)
    return [a + b for a, b in zip(first, second, strict=True)]


class TestSCT(Battery):
    spec = Spec(
        "sct",
        oracle,
        settings=({"temperature": 0.4, "teacher_temperature": 0.3},),
        rotation=False,  # the battery turns no queue; below
        detached=True,
    )


def test_one_bank_is_a_list_that_all_share():
    s, t, queue = torch.randn(5, 4), torch.randn(5, 4), torch.randn(6, 4)
    bank = torch.nn.functional.normalize(torch.cat([t, queue]), dim=1)
    scores = torch.nn.functional.normalize(t, dim=1) @ bank.T
    listwise = KLListwise(0.05, 0.04)(s, bank.expand(5, -1, -1), scores)
    torch.testing.assert_close(similarity_distribution(s, t, queue), listwise)


def test_turning_the_space_changes_nothing():
    views, queue = torch.randn(4, 5, 3), torch.randn(6, 3)
    turn = torch.linalg.qr(torch.randn(3, 3)).Q
    found = SCT()(*views @ turn, queue @ turn)
    torch.testing.assert_close(found, SCT()(*views, queue), rtol=1e-4, atol=1e-5)


def test_who_learns():
    views = torch.randn(4, 5, 3).requires_grad_()
    queue = torch.randn(6, 3).requires_grad_()
    SCT()(*views, queue).backward()
    assert queue.grad is None
    assert (views.grad.abs().sum((1, 2)) > 0).tolist() == [True, True, False, False]
