"""GIST against the equation written out."""

import torch

from dipole.objectives import GIST, GTE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor, positive, teacher_anchor, teacher_positive, negative=None, teacher_negative=None,
    ids=None, negative_ids=None, *, temperature, margin,
):  # fmt: skip
    rows = []
    for i, (a, p) in enumerate(zip(anchor, positive, strict=True)):
        most = cosine(teacher_anchor[i], teacher_positive[i]) - margin
        terms = [cosine(a, p) / temperature]
        for x, y, g, h in [
            (a, positive, teacher_anchor[i], teacher_positive),
            (a, anchor, teacher_anchor[i], teacher_anchor),
            (p, positive, teacher_positive[i], teacher_positive),
        ]:
            for j in range(len(y)):
                other = j != i and (ids is None or ids[i] != ids[j])
                if other and cosine(g, h[j]) <= most:
                    terms.append(cosine(x, y[j]) / temperature)
        for k in range(0 if negative is None else len(negative)):
            sure = (
                teacher_negative is None or cosine(teacher_anchor[i], teacher_negative[k]) <= most
            )
            other = ids is None or negative_ids is None or ids[i] != negative_ids[k]
            if sure and other:
                terms.append(cosine(a, negative[k]) / temperature)
        rows.append(lse(terms) - terms[0])
    return rows


class TestGIST(Battery):
    spec = Spec("gist", oracle, settings=({"temperature": 0.3, "margin": 0.2},))


def test_a_guide_that_keeps_all_is_three_blocks_of_gte():
    """Orthogonal to everything but the own pair: no text is taken out; one of `gte`'s four blocks,
    documents against queries, is not there."""
    a, p = torch.randn(2, 5, 4, dtype=torch.float64)
    sure = torch.eye(5, dtype=torch.float64)
    found = GIST(temperature=0.3, reduction="none")(a, p, sure, sure)
    s = torch.nn.functional.normalize(p, dim=1) @ torch.nn.functional.normalize(a, dim=1).T / 0.3
    other = ~torch.eye(5, dtype=torch.bool)
    fourth = s.exp().where(other, 0).sum(1)
    whole = GTE(temperature=0.3, reduction="none", positive_once=True)(a, p)
    own = s.diagonal()
    torch.testing.assert_close((whole + own).exp() - fourth, (found + own).exp())


def test_what_the_guide_takes_for_a_copy_is_no_negative():
    a, p = torch.randn(2, 4, 3)
    alike = torch.ones(4, 2)
    assert GIST(margin=0.01)(a, p, alike, alike).item() == 0
