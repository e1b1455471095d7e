"""Mega-batch margins against the equation written out."""

from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, positive, ids=None, *, positive_margin, negative_margin):
    rows = []
    for i, a in enumerate(anchor):
        others = [
            cosine(a, positive[j])
            for j in range(len(positive))
            if j != i and (ids is None or ids[i] != ids[j])
        ]
        hardest = max(others, default=negative_margin)
        pull = max(0.0, positive_margin - cosine(a, positive[i]))
        rows.append(pull + max(0.0, hardest - negative_margin))
    return rows


class TestMegaBatchMargin(Battery):
    spec = Spec("mega-batch-margin", oracle, settings=({"negative_margin": -0.2},), smooth=False)
