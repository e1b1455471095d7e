"""Lists made of a batch: the own positive first, everyone else's after it, copies masked."""

import torch
import torch.nn.functional as F

from dipole.objectives import Cadet, InfoNCE, KLListwise, QueueInfoNCE
from dipole.training.parts.lists import Lists, Scores, takes_lists
from support import distributed


def batch(n=5, d=4):
    generator = torch.Generator().manual_seed(0)
    a, p, ta, tp = torch.randn(4, n, d, generator=generator)
    return {
        "anchor": a,
        "positive": p,
        "teacher_anchor": ta,
        "teacher_positive": tp,
        "ids": torch.tensor([7, 8, 7, 9, 10])[:n],
        "rows": torch.arange(10, 10 + n),
    }


def test_who_takes_lists():
    assert takes_lists(KLListwise().inputs())
    assert takes_lists(Cadet().inputs())
    assert takes_lists((InfoNCE() + KLListwise()).inputs())
    assert not takes_lists(InfoNCE().inputs())
    assert not takes_lists(QueueInfoNCE().inputs())  # it can do without


def test_the_own_positive_is_first_and_its_copies_are_masked():
    found = Lists().before(batch())
    assert torch.equal(found["candidates"][:, 0], batch()["positive"])
    assert torch.equal(found["candidates"][3, 1], batch()["positive"][4])
    assert found["mask"].tolist()[0] == [True, True, False, True, True]
    assert found["mask"].tolist()[1] == [True] * 5


def test_negatives_stand_behind_the_positives():
    more = {"negative": torch.full((2, 4), 3.0), "negative_ids": torch.tensor([8, 99])}
    found = Lists().before(batch() | more | {"teacher_negative": torch.ones(2, 4)})
    assert found["candidates"].shape == (5, 7, 4)
    assert (found["candidates"][:, 5:] == 3).all()
    assert found["mask"][1].tolist() == [True] * 5 + [False, True]
    assert found["teacher_candidates"].shape == (5, 7, 4)


def test_the_loss_is_the_divergence_of_whole_score_matrices():
    """Order does not matter to KL: against plain matrices, without the masked copies."""
    inputs = batch()
    inputs["ids"] = torch.arange(5)
    found = Scores().before(Lists().before(inputs))
    loss = KLListwise()(found["anchor"], found["candidates"], found["teacher_scores"])
    a, p, ta, tp = (
        F.normalize(inputs[k]) for k in ("anchor", "positive", "teacher_anchor", "teacher_positive")
    )
    student = (a @ p.T / 0.05).log_softmax(1)
    teacher = (ta @ tp.T / 0.3).log_softmax(1)
    expected = F.kl_div(student, teacher, log_target=True, reduction="batchmean")
    torch.testing.assert_close(loss, expected)


def part_of_loss():
    import torch.distributed as dist

    rank, processes = dist.get_rank(), dist.get_world_size()
    mine = {k: v.tensor_split(processes)[rank] for k, v in batch().items()}
    leaf = mine["positive"].clone().requires_grad_()
    return loss_of(mine | {"positive": leaf}, leaf)


def loss_of(inputs, leaf):
    found = Scores().before(Lists().before(inputs))
    objective = KLListwise()
    loss = objective(**objective.pick(found))
    loss.backward()
    return loss.item(), leaf.grad


def test_two_processes_are_one():
    leaf = batch()["positive"].clone().requires_grad_()
    loss, gradient = loss_of(batch() | {"positive": leaf}, leaf)
    parts = distributed.run(2, part_of_loss)
    assert abs(sum(loss for loss, _ in parts) / 2 - loss) < 1e-5
    torch.testing.assert_close(torch.cat([g for _, g in parts]) / 2, gradient, rtol=1e-4, atol=1e-6)
