"""Metrix against the equations written out, and its clean ends."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import Metrix
from dipole.sampling.mixed_pairs import mixed_pairs
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, candidates, relevance, *, template, alpha, beta, margin):
    rows = []
    for i, row in enumerate(candidates):
        pairs = [(cosine(anchor[i], c), y) for c, y in zip(row, relevance[i], strict=True)]
        if template == "contrastive":
            rows.append(sum(y * (1 - s) + (1 - y) * max(0, s - margin) for s, y in pairs))
            continue
        pull = sum(y * math.exp(-alpha * (s - margin)) for s, y in pairs)
        push = sum((1 - y) * math.exp(beta * (s - margin)) for s, y in pairs)
        rows.append(math.log1p(pull) / alpha + math.log1p(push) / beta)
    return rows


def fractions(sizes, generator):
    y = torch.rand(sizes.n, sizes.k, generator=generator, dtype=torch.float64)
    y[0, 0], y[-1, -1] = 0, 1
    return {"relevance": y}


class TestMetrix(Battery):
    spec = Spec(
        "metrix",
        oracle,
        settings=({"beta": 5.0}, {"template": "contrastive", "margin": 0.1}),
        draw=fractions,
        smooth=False,
    )


@pytest.mark.parametrize("template", ["contrastive", "multi-similarity"])
def test_a_mixture_that_is_none_is_a_clean_pair(template):
    """Weight 1 and 0: the positive term of the positive, the negative term of the negative."""
    anchor, positive, negative = torch.randn(3, 4, 3, dtype=torch.float64)
    objective = Metrix(template)
    for weight, clean in ((1.0, positive), (0.0, negative)):
        mixed, y = mixed_pairs(positive, negative[:, None], weight=weight)
        found = objective(anchor, mixed, y)
        wanted = objective(anchor, clean[:, None], torch.full((4, 1), weight).double())
        torch.testing.assert_close(found, wanted)


def test_mistakes():
    x = torch.randn(2, 3)
    with pytest.raises(InputError, match="relevance: found 0 to 2, expected between 0 and 1"):
        Metrix()(x, x[:, None].repeat(1, 2, 1), torch.tensor([[0.0, 2.0], [1.0, 1.0]]))
    with pytest.raises(InputError, match="template: found 'x', expected 'multi-similarity' or"):
        Metrix("x")
