"""DCLR against the equation written out."""

import torch

from dipole.objectives import DCLR, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor, positive, negative=None, teacher_scores=None, ids=None, *, temperature, threshold
):
    n, rows = len(anchor), []
    for i in range(n):
        own = cosine(anchor[i], positive[i]) / temperature
        terms = [own]
        for j in range(n):
            false = teacher_scores is not None and teacher_scores[i, j] >= threshold
            if j != i and not false and (ids is None or ids[j] != ids[i]):
                terms.append(cosine(anchor[i], positive[j]) / temperature)
        for e in [] if negative is None else negative:
            terms.append(cosine(anchor[i], e) / temperature)
        rows.append(lse(terms) - own)
    return rows


class TestDCLR(Battery):
    spec = Spec("dclr", oracle, settings=({"temperature": 0.3, "threshold": 0.2},))


def test_without_teacher_it_is_infonce_with_extra_negatives():
    a, p, noise = torch.randn(3, 5, 4)
    plain = InfoNCE(symmetric=False)
    torch.testing.assert_close(DCLR()(a, p, noise), plain(a, p, noise))


def test_planted_duplicates_are_no_negatives():
    """Two copies of each sentence: the frozen encoder's mask does what their ids would."""
    ids = torch.arange(6) // 2
    teacher = torch.nn.functional.one_hot(ids).float()
    a, p = torch.randn(2, 6, 4)
    found = DCLR()(a, p, teacher_scores=teacher @ teacher.T)
    torch.testing.assert_close(found, DCLR()(a, p, ids=ids))
    assert found < DCLR()(a, p)
