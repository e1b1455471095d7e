"""The contrast of a queue against the equation written out."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import DualQueue, InfoNCE, QueueInfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(
    anchor,
    positive,
    negative=None,
    candidates=None,
    ids=None,
    negative_ids=None,
    mask=None,
    *,
    temperature,
    hardest,
    skip,
    **_,
):
    rows = []
    for i in range(len(anchor)):
        queue = [
            cosine(anchor[i], negative[j]) / temperature
            for j in range(0 if negative is None else len(negative))
            if ids is None or negative_ids is None or negative_ids[j] != ids[i]
        ]
        queue = sorted(queue, reverse=True)[skip:][:hardest]
        mine = [] if candidates is None else candidates[i]
        mine = mine if mask is None else mine[mask[i]] if len(mine) else mine
        score = cosine(anchor[i], positive[i]) / temperature
        rows.append(
            lse([score, *queue, *(cosine(anchor[i], c) / temperature for c in mine)]) - score
        )
    return rows


def padding(sizes, generator):
    return {"mask": torch.rand(sizes.n, sizes.k, generator=generator) < 0.6}


OWN = {"draw": padding, "shapes": {"mask": "n k"}}


class TestQueueInfoNCE(Battery):
    spec = Spec("queue-infonce", oracle, settings=({"temperature": 0.3},), **OWN)


class TestHardest(Battery):
    spec = Spec(
        "queue-infonce",
        oracle,
        settings=(
            {"temperature": 0.3, "hardest": 2},
            {"temperature": 0.3, "hardest": 1, "skip": 1},
        ),
        smooth=False,
        **OWN,
    )


def both_sides(
    anchor,
    positive,
    teacher_anchor,
    teacher_positive,
    negative=None,
    ids=None,
    negative_ids=None,
    *,
    at,
    **settings,
):
    more = {"negative": negative, "ids": ids, "negative_ids": negative_ids} | settings
    return (
        oracle(anchor, at["teacher_positive"], **more),
        oracle(positive, at["teacher_anchor"], **more),
    )


class TestDualQueue(Battery):
    spec = Spec(
        "dual-queue",
        both_sides,
        settings=({"temperature": 0.3}, {"temperature": 0.3, "hardest": 2, "skip": 1}),
        smooth=False,
        detached=True,
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
    with pytest.raises(
        InputError, match=r"^hardest: found 0, expected a whole number of 1 or more"
    ):
        QueueInfoNCE(hardest=0)


def test_the_most_alike_are_left_out_with_skip():
    """A false negative, the positive itself in the queue, is the nearest of all."""
    a, queue = torch.eye(3)[:1], torch.eye(3)
    found = QueueInfoNCE(1.0, hardest=1, skip=1)(a, a, negative=queue)
    clean = QueueInfoNCE(1.0, hardest=1)(a, a, negative=queue[1:])
    torch.testing.assert_close(found, clean)
    assert QueueInfoNCE(1.0, hardest=1)(a, a, negative=queue) > found


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skip": 2}, r"^skip: found 2, expected 0 without `hardest`"),
        ({"hardest": 4, "skip": -1}, r"^skip: found -1, expected a whole number of 0 or more"),
    ],
)
def test_bad_skip(settings, message):
    for cls in (QueueInfoNCE, DualQueue):
        with pytest.raises(InputError, match=message):
            cls(**settings)


def test_a_queue_that_is_still_empty_asks_nothing():
    """The first step of a training: nothing to tell the positive from, so no gradient."""
    x = torch.randn(4, 5, 3).requires_grad_()
    loss = DualQueue(hardest=2)(*x)
    loss.backward()
    assert loss == 0
    assert not x.grad.any()


def test_padding_is_no_candidate():
    a, p, own = torch.randn(2, 3), torch.randn(2, 3), torch.randn(2, 4, 3)
    mask = torch.tensor([[True, True, False, False], [False] * 4])
    found = QueueInfoNCE(reduction="none")(a, p, candidates=own, mask=mask)
    torch.testing.assert_close(found[0], QueueInfoNCE()(a[:1], p[:1], candidates=own[:1, :2]))
    assert found[1] == 0
