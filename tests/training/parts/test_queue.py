"""The queue is the last positives, in order; its loss is the loss with them written out."""

import pytest
import torch
import torch.nn.functional as F

from dipole.errors import InputError
from dipole.objectives import InfoNCE, NTXent, QueueInfoNCE, SwAV
from dipole.training.parts import Mixed, Queue
from support.parts import bound


def batch(first, size=3):
    """Rows whose positive holds its own number, and whose id is ten times it."""
    numbers = torch.arange(first, first + size)
    return {
        "anchor": torch.randn(size, 2),
        "positive": numbers[:, None].float().repeat(1, 2),
        "ids": 10 * numbers,
    }


def test_first_in_first_out():
    queue = bound(Queue(4), InfoNCE().inputs())
    for first in (0, 3, 6):
        queue.before(batch(first))
        queue.after_step()
    assert queue.vectors[:, 0].tolist() == [5, 6, 7, 8]
    assert queue.keys.tolist() == [50, 60, 70, 80]


def test_it_holds_what_it_is_told_to():
    queue = bound(Queue(4, holds="anchor"), InfoNCE().inputs())
    first = batch(0)
    queue.before(first | {"teacher_positive": torch.zeros(3, 2)})
    queue.after_step()
    torch.testing.assert_close(queue.vectors, first["anchor"])
    queue.before(batch(3) | {"teacher_anchor": torch.ones(3, 2)})
    queue.after_step()
    assert queue.vectors[-3:].tolist() == [[1, 1]] * 3
    assert queue.keys.tolist() == [20, 30, 40, 50]


def test_a_batch_never_meets_itself_and_keeps_its_own_negatives():
    queue = bound(Queue(8), InfoNCE().inputs())
    assert "negative" not in queue.before(batch(0))
    queue.after_step()
    own = {"negative": torch.full((1, 2), 9.0), "negative_ids": torch.tensor([99])}
    found = queue.before(batch(3) | own)
    assert found["negative"][:, 0].tolist() == [9, 0, 1, 2]
    assert found["negative_ids"].tolist() == [99, 0, 10, 20]


def test_the_loss_is_that_of_the_same_negatives_and_no_gradient_reaches_them():
    torch.manual_seed(0)
    past, a, p = (torch.randn(5, 4, requires_grad=True) for _ in range(3))
    ids = torch.arange(5)
    queue = bound(Queue(8), InfoNCE().inputs())
    queue.before({"anchor": a, "positive": past, "ids": ids + 2})  # 2, 3, 4 come again
    queue.after_step()
    objective = InfoNCE(symmetric=False, temperature=0.5)
    found = objective(**objective.pick(queue.before({"anchor": a, "positive": p, "ids": ids})))
    cosines = F.normalize(a, dim=1) @ F.normalize(torch.cat([p, past.detach()]), dim=1).T / 0.5
    forbidden = torch.zeros(5, 10, dtype=torch.bool)
    for row in range(2, 5):
        forbidden[row, 5 + row - 2] = True  # the past copy of its own positive
    expected = F.cross_entropy(cosines.masked_fill(forbidden, -torch.inf), torch.arange(5))
    torch.testing.assert_close(found, expected)
    found.backward()
    assert past.grad is None


def test_a_queue_is_resumed_at_the_length_it_had():
    queue, other = bound(Queue(8), InfoNCE().inputs()), bound(Queue(8), InfoNCE().inputs())
    queue.before(batch(0))
    queue.after_step()
    other.load_state_dict(queue.state_dict())
    assert torch.equal(other.vectors, queue.vectors)
    assert torch.equal(other.keys, queue.keys)


def test_what_an_objective_takes_decides():
    assert bound(Queue(4), SwAV(dim=2, prototypes=2).inputs()).use == "queue"
    with pytest.raises(InputError, match="takes no past vectors; expected one with 'negative'"):
        bound(Queue(4), NTXent().inputs())


def test_mixtures_come_from_the_queue_and_lie_on_the_sphere():
    torch.manual_seed(0)
    objective = QueueInfoNCE()
    queue = bound(Queue(8), objective.inputs())
    mixed = bound(Mixed(hardest=2, mixes=3, with_anchor=1), objective.inputs(), parts=[queue])
    first = batch(1)
    assert "candidates" not in mixed.before(queue.before(first))
    queue.after_step()
    made = mixed.before(queue.before(batch(4)))["candidates"]
    assert made.shape == (3, 4, 2)
    torch.testing.assert_close(made.norm(dim=-1), torch.ones(3, 4))
    # Every queue entry is a multiple of (1, 1), so every mixture of two is (1, 1) / sqrt 2.
    torch.testing.assert_close(made[:, :3], torch.full((3, 3, 2), 0.5**0.5))


def test_mixtures_need_an_objective_with_lists():
    with pytest.raises(InputError, match="expected queue-infonce"):
        bound(Mixed(), InfoNCE().inputs(), parts=[bound(Queue(4), InfoNCE().inputs())])


def test_negatives_that_another_part_made_are_copies_of_nothing():
    queue = bound(Queue(8), InfoNCE().inputs())
    queue.before(batch(0))
    queue.after_step()
    found = queue.before(batch(3) | {"negative": torch.full((2, 2), 9.0)})
    assert found["negative"][:, 0].tolist() == [9, 9, 0, 1, 2]
    assert found["negative_ids"].tolist() == [-1, -1, 0, 10, 20]


def test_what_belongs_to_an_anchor_by_the_data_stays_out():
    queue = bound(Queue(8), InfoNCE().inputs())
    queue.before(batch(0))
    queue.after_step()
    found = queue.before(batch(3) | {"no_negatives": torch.tensor([10, 77])})
    assert found["negative_ids"].tolist() == [0, 20]
    assert found["negative"][:, 0].tolist() == [0, 2]
    found = queue.before(batch(3) | {"no_negatives": torch.tensor([0, 10, 20])})
    assert "negative" not in found


def test_no_mixture_is_made_of_positives():
    """Entries are (k, 1): those of keys 0 and 20 belong to anchors, so all mixtures are (1, 1)."""
    objective = QueueInfoNCE()
    queue = bound(Queue(8), objective.inputs())
    mixed = bound(Mixed(hardest=3, mixes=4, with_anchor=0), objective.inputs(), parts=[queue])
    first = batch(0)
    first["positive"][:, 1] = 1
    queue.before(first)
    queue.after_step()
    now = batch(2) | {"no_negatives": torch.tensor([0])}  # and 20 is a copy of a positive
    made = mixed.before(queue.before(now))["candidates"]
    torch.testing.assert_close(made, torch.full_like(made, 0.5**0.5))
