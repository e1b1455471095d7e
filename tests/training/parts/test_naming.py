"""A part by name, in each spelling; what is wrong with one is a line that says what is right."""

import pytest

from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.parts import PairTeacher, Queue, StoredTeacher, Teacher
from dipole.training.parts.naming import entries, made, part_class

OWN = """
from typing import Literal
from dipole.training.parts import Part

class Doubler(Part):
    factor: float = 2.0
    which: Literal["anchor", "positive"] = "anchor"

class Plain(Part):
    def __init__(self, size: int, tag: str = "a") -> None:
        super().__init__()
        self.size = size

class Other: ...
"""


@pytest.mark.parametrize(
    "spelling",
    [
        "queue:size=160,holds=anchor",
        ["queue:size=160,holds=anchor"],
        [{"queue": {"size": 160, "holds": "anchor"}}],
        {"queue": {"size": 160, "holds": "anchor"}},
    ],
)
def test_one_part_in_each_spelling(spelling):
    assert entries(spelling) == [
        {"queue": {"size": 160, "holds": "anchor", "starts": "empty", "after": 0.0}}
    ]
    (queue,) = made(entries(spelling))
    assert (type(queue), queue.size, queue.holds) == (Queue, 160, "anchor")


def test_defaults_are_written_out():
    assert entries(["teacher", {"queue": {"size": 3}}, {"mixed": None}]) == [
        {"teacher": {"kind": "ema", "decay": 0.999, "makes": "positives"}},
        {"queue": {"size": 3, "holds": "positive", "starts": "empty", "after": 0.0}},
        {"mixed": {"hardest": 1024, "mixes": 1024, "with_anchor": 128, "after": 0.0}},
    ]


def test_another_model_is_a_teacher_too():
    assert part_class("teacher") is Teacher
    assert part_class("teacher", {"model": "mine"}) is StoredTeacher
    assert part_class("teacher", {"model": "bm25"}) is PairTeacher
    assert entries("teacher:model=some/a,b") == [{"teacher": {"model": "some/a,b"}}]


def test_own_classes_from_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    name = f"{path}:Doubler"
    assert entries(f"{name}:factor=3") == [{name: {"factor": 3, "which": "anchor"}}]
    assert part_class(name) is part_class(name)
    assert made(entries(f"{path}:Plain:size=4"))[0].size == 4
    assert entries(f"{path}:Plain:size=4") == [{f"{path}:Plain": {"size": 4}}]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("qeue:size=4", "part: found 'qeue'; did you mean 'queue'?"),
        (
            "zzz",
            "part: found 'zzz'; expected one of centroids, classes, logits, masked-words, mixed, "
            "pseudo-labels, queue",
        ),
        ("queue:sise=4", "part queue: found setting 'sise'; did you mean 'size'?"),
        ("queue", "part queue: found no size; expected --part queue:size=..."),
        ("teacher:model", "part: found 'teacher:model'; no module 'teacher' here or installed"),
        ("queue:size=0", "part queue: size: found 0, expected a whole number of 1 or more"),
        ("queue:size=4,size=5", "--part queue:size=4,size=5: found 'size' twice"),
        ("queue:size=[", "--part queue:size=[: size: the value is not valid yaml"),
        ("teacher:decay=nan", "part teacher: decay: found 'nan', expected a nu"),
        ("teacher:decay=.nan", "part teacher: decay: found nan, expected a number from 0 to 1"),
        ("teacher:kind=frozen,decay=0.9", "teacher: found decay for frozen; expected it for ema"),
        ("teacher:model=none-such", "teacher: found model 'none-such'; expected a folder or a hub"),
        ("teacher:model=5", "part teacher: model: found 5, expected text"),
        ("teacher:model=a/b,decay=0.1", "part teacher: found setting 'decay'; expected one of mod"),
        ("centroids:count=1", "part centroids: count: found 1, expected a whole number of 2 or"),
        ("no_such_module:Part", "part: found 'no_such_module:Part'; no module"),
        ("none.py:Part:x=1", "part: found 'none.py:Part'; no such file"),
        (
            "dipole.training.config:Config",
            "part: found a class at 'dipole.training.config:Conf",
        ),
        ({"queue": {"size": 4}, "mixed": {}}, "parts: found {'queue': {'size': 4}, 'mixed': {}};"),
        ({"queue": 4}, "parts: found {'queue': 4}; expected a name, as queue:size=160, or"),
        (5, "parts: found 5; expected a name"),
        ("python: Doubler(factor=2)", "the run was given Doubler(factor=2); expected the same to"),
    ],
)
def test_what_is_no_part_is_one_line(part, message):
    with pytest.raises(InputError) as error:
        make_config(data="x", parts=[part])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_wrong_settings_of_a_class_with_a_constructor_of_its_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN)
    with pytest.raises(InputError, match="setting 'size': found 'many'; expected a whole number"):
        entries(f"{path}:Plain:size=many")
    with pytest.raises(InputError, match="expected a subclass of dipole"):
        entries(f"{path}:Other")


def test_an_object_is_kept_said_and_copied():
    queue = Queue(size=4)
    config = make_config(data="x", parts=[queue, "teacher"])
    assert config.parts[0] is queue
    assert (
        config.model_dump()["parts"][0]
        == "python: Queue(size=4, holds='positive', starts='empty', after=0.0)"
    )
    copied, _ = made(config.parts)
    assert copied is not queue
    assert copied.size == 4
