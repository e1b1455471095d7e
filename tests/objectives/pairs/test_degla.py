"""DeGLA as loops: the global contrast, both local ones and the distance to the teacher."""

import numpy as np
import torch

from dipole.objectives import DeGLA, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor,
    positive,
    candidates,
    teacher_positive,
    teacher_anchor=None,
    teacher_candidates=None,
    mask=None,
    ids=None,
    *,
    at,
    temperature,
    text_temperature,
    local,
    distil,
    learn_temperature,
):
    n = len(anchor)
    teacher = {k: at.get(k) for k in ("teacher_anchor", "teacher_positive", "teacher_candidates")}
    own = [
        [c for k, c in enumerate(row) if mask is None or mask[i][k]]
        for i, row in enumerate(candidates)
    ]
    wrong = [c for row in own for c in row]

    def apart(x, y):
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        return float((x - y) @ (x - y))

    first, second = [], []
    for i in range(n):
        seen = [j for j in range(n) if j == i or ids is None or ids[j] != ids[i]]
        hit = cosine(anchor[i], positive[i]) / temperature
        of_image = [cosine(anchor[i], positive[j]) / temperature for j in seen]
        of_image += [cosine(anchor[i], c) / temperature for c in wrong]
        of_text = [cosine(anchor[j], positive[i]) / temperature for j in seen]
        image = lse([hit, *(cosine(anchor[i], c) / temperature for c in own[i])]) - hit
        key = cosine(positive[i], teacher["teacher_positive"][i]) / text_temperature
        text = lse([key, *(cosine(positive[i], c) / text_temperature for c in own[i])]) - key
        moved = apart(positive[i], teacher["teacher_positive"][i])
        if teacher_anchor is not None:
            moved += apart(anchor[i], teacher["teacher_anchor"][i])
        if teacher_candidates is not None:
            for k, c in enumerate(candidates[i]):
                if mask is None or mask[i][k]:
                    moved += apart(c, teacher["teacher_candidates"][i][k])
        rest = local * (image + text) + distil * moved
        first.append(lse(of_image) - hit + rest)
        second.append(lse(of_text) - hit + rest)
    return first, second


def padding(sizes, generator):
    return {"mask": torch.rand(sizes.n, sizes.k, generator=generator) < 0.6}


class TestDeGLA(Battery):
    spec = Spec(
        "degla",
        oracle,
        settings=(
            {"temperature": 0.3},
            {"temperature": 0.3, "local": 0.5, "distil": 0.2, "text_temperature": 0.5},
        ),
        draw=padding,
        shapes={"mask": "n k"},
        detached=True,
    )


def test_global_part():
    a, p, own = torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 2, 3)
    found = DeGLA(0.2, local=0, distil=0)(a, p, own, p)
    torch.testing.assert_close(found, InfoNCE(0.2)(a, p, own.flatten(0, 1)))


def test_local_negatives_of_another_example_do_not_matter_to_the_local_part():
    a, p, own = torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 2, 3)
    teacher = torch.randn(4, 3)

    def local(own):
        settings = {"distil": 0.0, "reduction": "none"}
        both = DeGLA(0.2, local=1.0, **settings)(a, p, own, teacher)
        return both - DeGLA(0.2, local=0.0, **settings)(a, p, own, teacher)

    other = own.clone()
    other[1:] = torch.randn(3, 2, 3)
    torch.testing.assert_close(local(other)[0], local(own)[0])
    assert not torch.allclose(local(other)[1:], local(own)[1:])


def test_the_teacher_is_detached():
    x = torch.randn(3, 4, 3, requires_grad=True)
    loss = DeGLA()(x[0], x[1], torch.randn(4, 2, 3), x[2], teacher_anchor=x[2])
    (gradient,) = torch.autograd.grad(loss, x)
    assert gradient[:2].any()
    assert not gradient[2].any()
