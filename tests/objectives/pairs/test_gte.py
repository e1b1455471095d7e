"""GTE's four blocks as loops."""

import torch

from dipole.objectives import GTE, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor,
    positive,
    negative=None,
    ids=None,
    rows=None,
    negative_rows=None,
    *,
    temperature,
    positive_once,
):
    def s(x, y):
        return cosine(x, y) / temperature

    loss, owned = [], rows is not None and negative_rows is not None
    for i in range(len(anchor)):
        them = [j for j in range(len(anchor)) if j != i and (ids is None or ids[j] != ids[i])]
        q, d = anchor[i], positive[i]
        z = [s(q, d)] if positive_once else [s(q, d), s(q, d)]
        for j in them:
            z += [s(q, positive[j]), s(q, anchor[j]), s(anchor[j], d), s(positive[j], d)]
        for m, extra in enumerate([] if negative is None else negative):
            z += [s(q, extra)]
            if not (owned and negative_rows[m] == rows[i]):
                z += [s(extra, d)]
        loss.append(lse(z) - s(q, d))
    return loss


class TestGTE(Battery):
    spec = Spec(
        "gte", oracle, settings=({"temperature": 0.3}, {"temperature": 0.3, "positive_once": True})
    )


def test_queries_and_documents_far_from_their_own_kind_are_infonce():
    """Where only the query-document block has mass left, the others change nothing."""
    a = torch.eye(4).double()
    p = a.roll(1, 0)  # every query prefers another query's document
    found, one_way = GTE(0.02)(a, p), InfoNCE(0.02, symmetric=False)(a, p)
    # The best of row and column each have a cosine of 1, the positive has 0.
    torch.testing.assert_close(found, one_way + torch.tensor(2.0).double().log())
