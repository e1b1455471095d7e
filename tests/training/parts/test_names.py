"""Parts of one kind under names of their own, and what an objective is given of them."""

import pytest
import torch

from dipole.data import Inputs, Pairs
from dipole.errors import InputError
from dipole.objectives import SCT, InfoNCE
from dipole.objectives.contract.given import roles_of
from dipole.training.build import build_parts
from dipole.training.config import make_config
from dipole.training.parts import Part, Queue, Setup, Teacher
from dipole.training.parts.names import given_by, passed
from dipole.training.parts.order import bound
from dipole.training.towers import Towers

TEXTS = ["ab", "bc", "ca", "cb"]
PAIRS = Pairs.from_columns({"anchor": TEXTS, "positive": TEXTS[::-1]})
INPUTS = Inputs.from_columns({"input": TEXTS})
TWO = InfoNCE(symmetric=False).given(negative="past") + InfoNCE(symmetric=False).given(
    anchor="positive", positive="anchor", negative="asked"
)


def parts_of(parts, objective, encoder, examples=PAIRS):
    setup = Setup(encoder, examples, objective.inputs(), roles=roles_of(objective))
    return bound(parts, setup)


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    anchor, positive = torch.randn(2, 2, 8, generator=generator)
    ids = torch.tensor([10, 11]) + 100 * seed
    return {"anchor": anchor, "positive": positive, "ids": ids, "anchor_ids": ids + 5}


def test_each_queue_holds_its_own(tiny_encoder):
    past, asked = parts_of([Queue(3, name="past"), Queue(2, holds="anchor", name="asked")],
                           TWO, tiny_encoder)  # fmt: skip
    first, second = batch(), batch(1)
    assert passed(past, first).keys() == first.keys()  # nothing yet, nothing of `negative`
    passed(asked, first)
    past.after_step(), asked.after_step()
    found = passed(asked, passed(past, second))
    assert torch.equal(found["past"], first["positive"])
    assert torch.equal(found["asked"], first["anchor"])
    assert found["past_ids"].tolist() == [10, 11]
    assert found["asked_ids"].tolist() == [15, 16]
    assert "negative" not in found


def test_what_others_give_stays(tiny_encoder):
    queue = Queue(4, name="past")
    parts_of([queue], InfoNCE().given(negative="past") + InfoNCE(), tiny_encoder)
    passed(queue, batch())
    queue.after_step()
    mine = batch(1) | {"negative": torch.ones(3, 8), "negative_ids": torch.tensor([1, 2, 3])}
    found = passed(queue, mine)
    assert found["negative"] is mine["negative"]
    assert len(found["past"]) == 2


def test_anchors_are_left_out_by_what_belongs_to_the_positives(tiny_encoder):
    queue = Queue(4, holds="anchor", name="asked")
    parts_of([queue], InfoNCE().given(anchor="positive", positive="anchor", negative="asked"),
             tiny_encoder)  # fmt: skip
    assert "no_negative_anchors" in queue.taken()
    passed(queue, batch())
    queue.after_step()
    found = passed(queue, batch(1) | {"no_negative_anchors": torch.tensor([15])})
    assert found["asked_ids"].tolist() == [16]


def test_a_bank_is_the_queue_of_an_objective(tiny_encoder):
    objective = SCT().given(queue="bank")
    teacher = Teacher()
    bank = Queue(4, holds="teacher_anchor", name="bank")
    parts = parts_of([bank, teacher], objective, tiny_encoder, INPUTS)
    assert [type(part) for part in parts] == [Teacher, Queue]
    assert bank.use == "queue"


def test_a_named_teacher_gives_under_its_name(tiny_encoder):
    tiny_encoder.dropout.p = 0.0
    objective = InfoNCE().given(positive="slow_positive") + InfoNCE().given(positive="old_positive")
    slow, old = Teacher(decay=0.5, name="slow"), Teacher("frozen", name="old")
    assert "slow_positive" in given_by(slow)
    towers = Towers(tiny_encoder, objective, parts_of([slow, old], objective, tiny_encoder))
    columns = {"anchor": [tiny_encoder.prepare(["ab", "c"])],
               "positive": [tiny_encoder.prepare(["b", "a"])]}  # fmt: skip
    tiny_encoder.linear.weight.data.mul_(-1)
    towers.after_step()
    found = towers.vectors(columns, {})
    assert {name for name in found if "_" in name} == {"slow_positive", "old_positive"}
    assert not torch.allclose(found["slow_positive"], found["old_positive"])
    assert found["positive"].requires_grad  # nobody stands in for the student's


def test_a_part_of_ones_own_may_have_a_name(tiny_encoder):
    class Halves(Part):
        takes = ("anchor",)
        gives = ("negative",)
        stems = ("negative",)

        def before(self, batch):
            return batch | {"negative": batch["anchor"] / 2}

    objective = InfoNCE().given(negative="halves") + InfoNCE()
    (part,) = parts_of([Halves(name="halves")], objective, tiny_encoder)
    assert torch.equal(passed(part, batch())["halves"], batch()["anchor"] / 2)
    assert "negative" not in passed(part, batch())


def test_random_vectors_to_start_with(tiny_encoder):
    def filled(seed, name):
        setup = Setup(tiny_encoder, PAIRS, InfoNCE().inputs(), seed=seed)
        queue = Queue(5, starts="random", name=name)
        queue.bind(setup)
        return queue, passed(queue, batch())

    queue, found = filled(0, "past")
    torch.testing.assert_close(found["past"].norm(dim=1), torch.ones(5))
    assert found["past_ids"].tolist() == [-1] * 5
    assert torch.equal(filled(0, "past")[1]["past"], found["past"])
    assert not torch.equal(filled(1, "past")[1]["past"], found["past"])
    assert not torch.equal(filled(0, "asked")[1]["asked"], found["past"])
    queue.after_step()
    assert torch.equal(queue.vectors[-2:], batch()["positive"])
    assert torch.equal(queue.vectors[:3], found["past"][2:])


@pytest.mark.parametrize(
    ("parts", "objective", "message"),
    [
        ([Queue(4, name="a"), Queue(5, name="a")], InfoNCE().given(negative="a"),
         "parts: found queue a twice; expected each part once, or under a name of its own"),
        ([Queue(4), Queue(5)], InfoNCE(), "parts: found queue twice; .*, as queue:name=NAME"),
        ([Queue(4, name="a")], InfoNCE().given(negative="b"),
         r"part queue a: gives a, a_ids, .*, and neither the objective nor another part takes any"),
        ([], InfoNCE().given(negative="b"),
         "objective: found negative=b, which neither the data nor a part gives; expected one of"),
        ([Queue(4, name="a b")], InfoNCE(), "part queue a b: found name 'a b'; expected letters"),
        ([Queue(4, holds="view_2", name="a")], InfoNCE().given(negative="a"),
         "part queue a: takes view_2, which neither the data nor another part gives"),
    ],
)  # fmt: skip
def test_a_name_too_few_or_too_many_is_one_line(parts, objective, message, tiny_encoder):
    with pytest.raises(InputError, match=message):
        parts_of(parts, objective, tiny_encoder)


def test_names_on_the_command_line(tiny_encoder):
    config = make_config(
        data="x",
        objective="infonce(negative=past) + infonce(anchor=positive, positive=anchor)",
        parts=["queue:size=3,name=past"],
    )
    assert config.model_dump()["parts"] == [
        {"queue": {"name": "past", "size": 3, "holds": "positive", "starts": "empty", "after": 0.0}}
    ]
    from dipole.training.build import build_objective

    (queue,) = build_parts(config, tiny_encoder, PAIRS, build_objective(config))
    assert (queue.name, queue.use) == ("past", "negative")
