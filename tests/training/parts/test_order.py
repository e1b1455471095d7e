"""The order of parts follows from what they take and give, not from how they were listed."""

import itertools

import pytest
import torch

from dipole.data import Inputs, Labeled, Pairs, Ranked
from dipole.errors import InputError
from dipole.objectives import DCLR, InfoNCE, KLListwise, QueueInfoNCE, SupCon
from dipole.training.parts import Centroids, Mixed, Part, Queue, Setup, StoredTeacher, Teacher
from dipole.training.parts.lists import Lists, Scores
from dipole.training.parts.order import bound

TEXTS = ["ab", "bc", "ca", "cb"]
INPUTS = Inputs.from_columns({"input": TEXTS})
PAIRS = Pairs.from_columns({"anchor": TEXTS, "positive": TEXTS[::-1]})


def kinds(parts, objective, encoder, examples=PAIRS):
    setup = Setup(encoder, examples, objective.inputs())
    return [type(part) for part in bound(parts, setup)]


class Doubler(Part):
    takes = ("anchor",)
    gives = ("anchor",)

    def before(self, batch):
        return batch | {"anchor": 2 * batch["anchor"]}


class Halver(Doubler):
    pass


class Labels(Part):
    takes = ("anchor",)
    gives = ("labels",)


class Needy(Part):
    takes = ("tokens",)


class Useless(Part):
    gives = ("tokens",)


class One(Part):
    takes = ("two",)
    gives = ("one",)


class Two(Part):
    takes = ("one",)
    gives = ("two",)


def test_however_they_are_listed(tiny_encoder):
    parts = [Mixed, Doubler, lambda: Queue(4), Teacher]
    for listed in itertools.permutations(parts):
        found = kinds([make() for make in listed], QueueInfoNCE(), tiny_encoder, INPUTS)
        assert found.index(Doubler) < found.index(Queue) < found.index(Mixed)
        assert found.index(Teacher) < found.index(Queue)


def test_lists_and_scores_stand_behind_their_teacher(tiny_encoder):
    more = InfoNCE() + KLListwise()
    for teacher in (Teacher("frozen"), StoredTeacher(tiny_encoder)):
        found = kinds([Centroids(2), Queue(4), teacher], more, tiny_encoder)
        assert found == [type(teacher), Lists, Scores, Centroids, Queue]


def test_what_an_objective_brings_along(tiny_encoder):
    lists = Ranked.from_columns(
        {"query": ["a"], "candidates": [["b", "c"]], "relevance": [[1.0, 0.0]]}
    )
    assert kinds([], InfoNCE(), tiny_encoder) == []
    assert kinds([], KLListwise(), tiny_encoder, lists) == []
    assert kinds([Teacher()], KLListwise(), tiny_encoder, lists) == [Teacher, Scores]
    assert kinds([Teacher()], DCLR(), tiny_encoder) == [Teacher, Scores]


def test_where_both_replace_a_tensor_they_stand_as_listed(tiny_encoder):
    assert kinds([Doubler(), Halver()], InfoNCE(), tiny_encoder) == [Doubler, Halver]
    assert kinds([Halver(), Doubler()], InfoNCE(), tiny_encoder) == [Halver, Doubler]


@pytest.mark.parametrize(
    ("parts", "objective", "message"),
    [
        ([Mixed()], QueueInfoNCE(), "mixed: found no queue to mix; expected --part queue:size=N"),
        (
            [Teacher(makes="queue")],
            InfoNCE(),
            "teacher: makes queue, found no queue; expected --",
        ),
        ([Queue(4), Queue(5)], InfoNCE(), "parts: found queue twice; expected each part once"),
        ([Needy()], InfoNCE(), "part Needy: takes tokens, which neither the data nor another part"),
        ([Useless()], InfoNCE(), "part Useless: gives tokens, and neither the objective nor anoth"),
        ([Labels()], InfoNCE(), "part Labels: gives labels, and neither the objective nor another"),
        ([One(), Two()], InfoNCE(), "parts: One, Two: each takes what another of them gives"),
    ],
)
def test_one_too_few_or_too_many_is_one_line(parts, objective, message, tiny_encoder):
    with pytest.raises(InputError) as error:
        kinds(parts, objective, tiny_encoder)
    assert str(error.value).startswith(message)


def test_what_takes_long_comes_after_all_that_may_be_wrong(tiny_encoder, monkeypatch):
    monkeypatch.setattr(tiny_encoder, "encode", None)
    with pytest.raises(InputError, match="mixed: found no queue"):
        kinds([StoredTeacher(tiny_encoder), Mixed()], InfoNCE() + KLListwise(), tiny_encoder)


def test_labels_that_a_part_gives_are_taken(tiny_encoder):
    labelled = Labeled.from_columns({"input": TEXTS, "label": [0, 1, 0, 1]})
    assert kinds([Labels()], SupCon(), tiny_encoder, labelled) == [Labels]


def test_parts_know_each_other_and_start_anew(tiny_encoder):
    setup = Setup(tiny_encoder, INPUTS, InfoNCE().inputs())
    queue = Queue(4, holds="anchor")
    bound([Teacher(makes="queue"), queue], setup)
    assert torch.equal(queue.vectors, torch.zeros(0, 0))
    assert queue.use == "negative"
