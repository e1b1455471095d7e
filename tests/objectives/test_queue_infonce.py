"""The contrast of a queue against the equation written out."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import InfoNCE, QueueInfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor,
    positive,
    negative=None,
    candidates=None,
    ids=None,
    negative_ids=None,
    *,
    temperature,
    hardest,
    **_,
):
    rows = []
    for i in range(len(anchor)):
        queue = [
            cosine(anchor[i], negative[j]) / temperature
            for j in range(0 if negative is None else len(negative))
            if ids is None or negative_ids is None or negative_ids[j] != ids[i]
        ]
        queue = sorted(queue, reverse=True)[:hardest]
        mine = [] if candidates is None else candidates[i]
        score = cosine(anchor[i], positive[i]) / temperature
        rows.append(
            lse([score, *queue, *(cosine(anchor[i], c) / temperature for c in mine)]) - score
        )
    return rows


class TestQueueInfoNCE(Battery):
    spec = Spec("queue-infonce", oracle, settings=({"temperature": 0.3},))


class TestHardest(Battery):
    spec = Spec(
        "queue-infonce", oracle, settings=({"temperature": 0.3, "hardest": 2},), smooth=False
    )


def test_one_anchor_and_a_queue_is_infonce():
    a, p, queue = torch.randn(1, 4), torch.randn(1, 4), torch.randn(6, 4)
    found = QueueInfoNCE()(a, p, negative=queue)
    torch.testing.assert_close(found, InfoNCE(temperature=0.2, symmetric=False)(a, p, queue))


def test_the_others_of_the_batch_are_no_negatives():
    a, p, queue = torch.randn(5, 4), torch.randn(5, 4), torch.randn(6, 4)
    each = [QueueInfoNCE()(a[i : i + 1], p[i : i + 1], negative=queue) for i in range(5)]
    torch.testing.assert_close(QueueInfoNCE()(a, p, negative=queue), torch.stack(each).mean())


def test_all_of_the_queue_are_the_hardest_of_a_small_one():
    a, p, queue = torch.randn(5, 4), torch.randn(5, 4), torch.randn(6, 4)
    every, some, one = (QueueInfoNCE(hardest=k)(a, p, negative=queue) for k in (None, 6, 1))
    torch.testing.assert_close(every, some)
    assert one < every


def test_hardest_is_at_least_one():
    with pytest.raises(InputError, match=r"^hardest: found 0, expected 1 or more"):
        QueueInfoNCE(hardest=0)
