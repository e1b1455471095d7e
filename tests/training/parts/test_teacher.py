"""A teacher follows by its decay; it gives keys without gradient, or cosines."""

import pytest
import torch
import torch.nn.functional as F

from dipole.errors import InputError
from dipole.objectives import DCLR, DualQueue, InfoNCE, KLListwise
from dipole.training.parts import Queue, Teacher
from dipole.training.parts.lists import Scores
from dipole.training.towers import Towers
from support.parts import bound


def columns(encoder, **texts):
    return {name: [encoder.prepare(part)] for name, part in texts.items()}


def test_after_three_steps_the_teacher_is_the_weighted_sum(tiny_encoder):
    teacher = bound(Teacher(decay=0.9), InfoNCE().inputs(), encoder=tiny_encoder)
    start = tiny_encoder.linear.weight.detach().clone()
    values = [torch.randn_like(start) for _ in range(3)]
    for value in values:
        tiny_encoder.linear.weight.data.copy_(value)
        teacher.after_step()
    expected = 0.9**3 * start + 0.1 * (0.81 * values[0] + 0.9 * values[1] + values[2])
    torch.testing.assert_close(teacher.encoder.linear.weight.data, expected)


@pytest.mark.parametrize(("kind", "follows"), [("frozen", False), ("self", True)])
def test_frozen_stays_and_self_is_the_student(tiny_encoder, kind, follows):
    teacher = bound(Teacher(kind), InfoNCE().inputs(), encoder=tiny_encoder)
    tiny_encoder.linear.weight.data.add_(1)
    teacher.after_step()
    same = torch.equal(teacher.encoder.linear.weight, tiny_encoder.linear.weight)
    assert same is follows


def test_keys_stand_in_for_the_positives_without_gradient(tiny_encoder):
    tiny_encoder.dropout.p = 0.0
    teacher = bound(Teacher("frozen"), InfoNCE().inputs(), encoder=tiny_encoder)
    tiny_encoder.linear.weight.data.mul_(-1)
    towers = Towers(tiny_encoder, InfoNCE(), [teacher])
    batch = towers.vectors(columns(tiny_encoder, anchor=["ab", "c"], positive=["a", "bc"]), {})
    expected = teacher.encoder(tiny_encoder.prepare(["a", "bc"]))
    torch.testing.assert_close(batch["positive"], expected)
    assert not batch["positive"].requires_grad
    assert batch["anchor"].requires_grad
    assert not any("teacher" in name for name in batch)


def test_scores_are_cosines_without_dropout(tiny_encoder):
    teacher = bound(Teacher("frozen"), DCLR().inputs(), encoder=tiny_encoder)
    towers = Towers(tiny_encoder, DCLR(), [teacher, Scores()]).train()
    batch = towers.vectors(columns(tiny_encoder, anchor=["ab", "c"], positive=["a", "bc"]), {})
    tiny_encoder.eval()
    a, p = (tiny_encoder(tiny_encoder.prepare(t)).detach() for t in (["ab", "c"], ["a", "bc"]))
    torch.testing.assert_close(batch["teacher_scores"], F.normalize(a) @ F.normalize(p).T)


def test_scores_of_lists(tiny_encoder):
    teacher = bound(Teacher("frozen"), KLListwise().inputs(), encoder=tiny_encoder)
    towers = Towers(tiny_encoder, KLListwise(), [teacher, Scores()]).train()
    mask = torch.tensor([[True, True], [True, False]])
    lists = columns(tiny_encoder, anchor=["ab", "c"], candidates=["a", "b", "c"])
    batch = towers.vectors(lists, {"mask": mask})
    tiny_encoder.eval()
    a, c = (tiny_encoder(tiny_encoder.prepare(t)).detach() for t in (["ab", "c"], ["a", "b", "c"]))
    expected = torch.tensor([[a[0] @ c[0], a[0] @ c[1]], [a[1] @ c[2], 0.0]])
    torch.testing.assert_close(batch["teacher_scores"], expected)
    assert batch["candidates"].shape == (2, 2, 8)


def test_the_optimiser_never_sees_the_teacher(tiny_encoder):
    teacher = bound(Teacher(decay=0.9), InfoNCE().inputs(), encoder=tiny_encoder)
    towers = Towers(tiny_encoder, InfoNCE(), [teacher])
    trained = {id(p) for g in towers.parameter_groups(0.1) for p in g["params"]}
    assert trained == {id(p) for p in tiny_encoder.parameters()}


def test_vectors_stand_beside_the_students_where_the_objective_takes_both(tiny_encoder):
    """And the queue keeps the teacher's."""
    tiny_encoder.dropout.p = 0.0
    inputs = DualQueue().inputs()
    teacher = bound(Teacher("frozen"), inputs, encoder=tiny_encoder)
    queue = bound(Queue(4), inputs)
    tiny_encoder.linear.weight.data.mul_(-1)
    towers = Towers(tiny_encoder, DualQueue(), [teacher, queue])
    features = columns(tiny_encoder, anchor=["ab", "c"], positive=["a", "bc"])
    batch = towers.vectors(features, {})
    for name, texts in (("anchor", ["ab", "c"]), ("positive", ["a", "bc"])):
        torch.testing.assert_close(batch[name], tiny_encoder(tiny_encoder.prepare(texts)))
        wanted = teacher.encoder(tiny_encoder.prepare(texts))
        torch.testing.assert_close(batch[f"teacher_{name}"], wanted)
    towers.after_step()
    torch.testing.assert_close(queue.vectors, batch["teacher_positive"])


@pytest.mark.parametrize("holds", ["positive", "anchor"])
def test_a_queue_alone_leaves_the_positives_to_the_student(tiny_encoder, holds):
    inputs = InfoNCE().inputs()
    queue = bound(Queue(4, holds=holds), inputs)
    teacher = Teacher("frozen", makes="queue")
    bound(teacher, inputs, encoder=tiny_encoder, parts=[queue])
    tiny_encoder.linear.weight.data.mul_(-1)
    towers = Towers(tiny_encoder, InfoNCE(), [teacher, queue]).train()
    batch = towers.vectors(columns(tiny_encoder, anchor=["ab", "c"], positive=["a", "bc"]), {})
    assert batch["positive"].requires_grad
    towers.after_step()
    held = {"anchor": ["ab", "c"], "positive": ["a", "bc"]}[holds]
    without_dropout = teacher.encoder(tiny_encoder.prepare(held))
    torch.testing.assert_close(queue.vectors, without_dropout)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "frozen", "decay": 0.5}, "teacher: found decay for frozen; expected it for ema"),
        ({"kind": "slow"}, "kind: found 'slow', expected 'ema', 'frozen' or 'self'"),
        ({"decay": 2}, "decay: found 2, expected a number from 0 to 1"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(InputError, match=message):
        Teacher(**settings)


def test_the_decay_is_mocos_if_not_given():
    assert Teacher().settings() == {"kind": "ema", "decay": 0.999, "makes": "positives"}
