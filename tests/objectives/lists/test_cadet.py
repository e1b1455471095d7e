"""CADET against the equation written out."""

import math

import torch

from dipole.objectives import Cadet, KLListwise
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor,
    candidates,
    teacher_scores,
    candidate_ids=None,
    *,
    temperature,
    teacher_temperature,
    contrast_temperature,
    contrast,
    doubt,
):
    n, k = teacher_scores.shape
    name = [[(i, c) if candidate_ids is None else candidate_ids[i][c] for c in range(k)]
            for i in range(n)]  # fmt: skip
    rows = []
    for i in range(n):
        s = [cosine(anchor[i], c) / temperature for c in candidates[i]]
        t = [x / teacher_temperature for x in teacher_scores[i]]
        logs = [(x - lse(t), y - lse(s)) for x, y in zip(t, s, strict=True)]
        listed = sum(math.exp(p) * (p - q) for p, q in logs)
        hidden = {name[i][0]}
        hidden |= {
            name[i][c] for c in range(k) if teacher_scores[i][c] > doubt * teacher_scores[i][0]
        }
        seen = [
            cosine(anchor[i], candidates[j][c]) / contrast_temperature
            for j in range(n)
            for c in range(k)
            if (j, c) == (i, 0) or name[j][c] not in hidden
        ]
        hit = cosine(anchor[i], candidates[i][0]) / contrast_temperature
        rows.append(listed + contrast * (lse(seen) - hit))
    return rows


def with_teacher(sizes, generator):
    shape = sizes.n, sizes.k
    return {"teacher_scores": torch.rand(shape, generator=generator, dtype=torch.float64)}


class TestCadet(Battery):
    spec = Spec(
        "cadet",
        oracle,
        settings=({"temperature": 0.3, "contrast_temperature": 0.4, "contrast": 0.5},),
        draw=with_teacher,
        shapes={"teacher_scores": "n k"},
    )


def test_without_contrast_it_is_the_listwise_divergence():
    anchor, candidates, t = torch.randn(4, 3), torch.randn(4, 5, 3), torch.rand(4, 5)
    found = Cadet(contrast=0)(anchor, candidates, t)
    torch.testing.assert_close(found, KLListwise()(anchor, candidates, t))


def test_a_document_the_teacher_likes_is_no_negative_in_other_lists_either():
    """Document 7 is good for the first query; standing in the second's list it is not pushed."""
    anchor, candidates = torch.randn(2, 3, requires_grad=True), torch.randn(2, 2, 3)
    t = torch.tensor([[0.9, 0.8], [0.9, 0.1]])
    ids = torch.tensor([[1, 7], [2, 7]])
    rows = Cadet(contrast=1, reduction="none")(anchor, candidates, t, ids)
    moved = candidates.clone()
    moved[1, 1] = torch.randn(3)
    torch.testing.assert_close(
        rows[0], Cadet(contrast=1, reduction="none")(anchor, moved, t, ids)[0]
    )
