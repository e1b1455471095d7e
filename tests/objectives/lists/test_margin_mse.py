"""Margin-MSE against the equation written out."""

import torch

from dipole.objectives import MarginMSE
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, candidates, teacher_scores, mask=None, *, normalize):
    rows = []
    for i, row in enumerate(candidates):
        s = [cosine(anchor[i], c) if normalize else float(anchor[i] @ c) for c in row]
        t = teacher_scores[i]
        there = [mask is None or mask[i][k] for k in range(len(row))]
        terms = [
            ((s[0] - s[k]) - (t[0] - t[k])) ** 2
            for k in range(1, len(row))
            if there[k] and there[0]
        ]
        rows.append(sum(terms) / len(terms) if terms else None)
    return rows


def with_lists(sizes, generator):
    shape = sizes.n, sizes.k
    return {
        "teacher_scores": torch.randn(shape, generator=generator, dtype=torch.float64),
        "mask": torch.rand(shape, generator=generator) < 0.7,
    }


class TestMarginMSE(Battery):
    spec = Spec(
        "margin-mse",
        oracle,
        settings=({}, {"normalize": True}),
        draw=with_lists,
        shapes={"teacher_scores": "n k", "mask": "n k"},
    )


def test_a_teacher_shifted_by_any_constant_is_the_same_teacher():
    anchor, candidates, t = torch.randn(4, 3), torch.randn(4, 5, 3), torch.randn(4, 5)
    shifted = t + torch.randn(4, 1)
    wanted = MarginMSE()(anchor, candidates, t)
    torch.testing.assert_close(MarginMSE()(anchor, candidates, shifted), wanted)
