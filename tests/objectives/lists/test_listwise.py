"""Distributions over lists against the equations written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import InfoNCE, KLListwise, ListNet
from support.battery import Battery
from support.spec import Spec, cosine, lse


def lists_of(anchor, candidates, given, mask, temperature):
    """Per row, the logits and the given numbers of the candidates that are there."""
    for i, row in enumerate(candidates):
        kept = [k for k in range(len(row)) if mask is None or mask[i][k]]
        yield [cosine(anchor[i], row[k]) / temperature for k in kept], [given[i][k] for k in kept]


def kl_oracle(anchor, candidates, teacher_scores, mask=None, *, temperature, teacher_temperature):
    rows = []
    for s, t in lists_of(anchor, candidates, teacher_scores, mask, temperature):
        t = [x / teacher_temperature for x in t]
        logs = [(x - lse(t), y - lse(s)) for x, y in zip(t, s, strict=True)]
        rows.append(sum(math.exp(p) * (p - q) for p, q in logs) if logs else None)
    return rows


def listnet_oracle(anchor, candidates, relevance, mask=None, *, temperature, label_temperature):
    rows = []
    for s, y in lists_of(anchor, candidates, relevance, mask, temperature):
        y = [x / label_temperature for x in y]
        terms = [math.exp(a - lse(y)) * (b - lse(s)) for a, b in zip(y, s, strict=True)]
        rows.append(-sum(terms) if terms else None)
    return rows


def with_lists(sizes, generator):
    """Teacher's scores and a mask of one's own list, one list without any candidate."""
    shape = sizes.n, sizes.k
    mask = torch.rand(shape, generator=generator) < 0.7
    mask[-1] = sizes.n == 1
    return {
        "teacher_scores": torch.rand(shape, generator=generator, dtype=torch.float64),
        "mask": mask,
    }


class TestKLListwise(Battery):
    spec = Spec(
        "kl-listwise",
        kl_oracle,
        settings=({"temperature": 0.3, "teacher_temperature": 0.5},),
        draw=with_lists,
        shapes={"teacher_scores": "n k", "mask": "n k"},
    )


class TestListNet(Battery):
    spec = Spec(
        "listnet",
        listnet_oracle,
        settings=({"temperature": 0.3, "label_temperature": 0.7},),
        draw=lambda sizes, generator: {"mask": with_lists(sizes, generator)["mask"]},
        shapes={"mask": "n k"},
    )


def test_a_teacher_like_the_student_costs_nothing_and_moves_nothing():
    anchor = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    candidates = torch.randn(4, 5, 3, dtype=torch.float64)
    scores = torch.cosine_similarity(anchor[:, None], candidates, dim=-1).detach()
    loss = KLListwise(0.2, 0.2)(anchor, candidates, scores)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(loss, anchor)[0].abs().max() < 1e-12


def test_listnet_is_the_divergence_and_a_constant():
    anchor = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    candidates, relevance = torch.randn(4, 5, 3).double(), torch.randn(4, 5).double()
    net = ListNet(0.2, 0.5)(anchor, candidates, relevance)
    kl = KLListwise(0.2, 0.5)(anchor, candidates, relevance)
    p = (relevance / 0.5).softmax(1)
    torch.testing.assert_close(net - kl, -(p * p.log()).sum(1).mean())
    for found, wanted in zip(
        torch.autograd.grad(net, anchor), torch.autograd.grad(kl, anchor), strict=True
    ):
        torch.testing.assert_close(found, wanted)


def test_one_certain_candidate_is_infonce():
    """All of the batch as everyone's list, the teacher sure of one's own."""
    anchor, positive = torch.randn(2, 5, 3, dtype=torch.float64)
    found = KLListwise(0.1, 1e-3)(anchor, positive.expand(5, 5, 3), torch.eye(5).double())
    torch.testing.assert_close(found, InfoNCE(0.1, symmetric=False)(anchor, positive))


def test_a_teacher_without_temperature():
    with pytest.raises(InputError, match=r"teacher_temperature: found 0, expected .* above 0"):
        KLListwise(0.05, 0)
