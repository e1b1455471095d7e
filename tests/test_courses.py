"""Settings that change on the way: their values, and that a training follows them."""

import math

import pytest
import torch

import dipole
from dipole.courses import Course, checked_course
from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.objectives.contract.base import Objective, tell


@pytest.mark.parametrize(
    ("text", "done", "value"),
    [
        ("linear:0.1:0.5", 0.25, 0.2),
        ("linear:0.5:0.1", 1.0, 0.1),
        ("cosine:0.04:0.4", 0.0, 0.04),
        ("cosine:0.04:0.4", 0.3, 0.4 - 0.36 * (1 + math.cos(0.3 * math.pi)) / 2),
        ("cosine:0.04:0.4", 1.0, 0.4),
        # Kukleva et al.: (t+ - t-) (1 + cos(2 pi t / T)) / 2 + t-, here with T = a fifth of all.
        ("cosine:1:0.1:5", 0.37, 0.9 * (1 + math.cos(2 * math.pi * 0.37 * 5)) / 2 + 0.1),
        ("cosine:1:0.1:5", 0.1, 0.1),
        ("cosine:1:0.1:5", 0.2, 1.0),
    ],
)
def test_its_value(text, done, value):
    course = Course.read(text)
    assert course is not None
    assert course.at(done) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["hot", "cosine", "cosine:1", "linear:1:2:3", "cosine:1:x", "cosine:-1:1", "step:1:2",
             "cosine:1:2:3:4", "linear:inf:1", "linear:nan:1", ""],
)  # fmt: skip
def test_what_is_none(text):
    assert Course.read(text) is None
    with pytest.raises(InputError, match="temperature: found"):
        checked_course("temperature", text, above=True)


def test_a_temperature_of_zero_on_the_way_is_refused():
    with pytest.raises(InputError, match="temperature: found 'linear:1:0', expected a number abo"):
        InfoNCE(temperature="linear:1:0")
    assert checked_course("weight_decay", "linear:1:0", above=False) == "linear:1:0"


def test_an_objective_follows_its_course():
    a, p = torch.randn(2, 6, 4)
    objective = InfoNCE(temperature="linear:0.1:0.5")
    for done, value in ((0.0, 0.1), (0.5, 0.3), (1.0, 0.5)):
        objective.at(done)
        assert objective(a, p).equal(InfoNCE(temperature=value)(a, p))


def test_sums_wrappers_and_modules_of_anyone_pass_it_on():
    from dipole.objectives.dimensions.matryoshka import Matryoshka
    from dipole.training.combining import MinNorm

    class Seen(Objective):
        def at(self, done):
            self.done = done

    parts = [Seen() for _ in range(4)]
    InfoNCE() + 0.5 * parts[0]
    (InfoNCE() + 0.5 * parts[0]).at(0.1)
    Matryoshka(InfoNCE() + parts[1], [4]).at(0.2)
    MinNorm([(1.0, parts[2]), (1.0, InfoNCE())]).at(0.3)
    tell(torch.nn.ModuleList([torch.nn.Sequential(parts[3])]), 0.4)
    assert [part.done for part in parts] == [0.1, 0.2, 0.3, 0.4]


def test_one_that_is_learnt_has_no_course():
    with pytest.raises(InputError, match="temperature: found a course for one that is learnt"):
        InfoNCE(temperature="linear:0.1:0.5", learn_temperature=True)


def words(count=20):
    from support.tiny import word_pairs

    return word_pairs(count)


def test_a_training_follows_both(tmp_path, monkeypatch):
    from dipole.training.loop import Trainer

    seen, step = [], Trainer._step

    def watched(self, batch):
        found = step(self, batch)
        term = self.towers.objective.terms[0]
        groups = {group["decays"]: group["weight_decay"] for group in self.optimizer.param_groups}
        seen.append((term.temperature(), groups))
        return found

    monkeypatch.setattr(Trainer, "_step", watched)
    dipole.fit(
        words(), objective="infonce + 0.1 * dcl", temperature="linear:0.1:0.5", max_steps=5,
        weight_decay="cosine:0:0.4", out=tmp_path / "run", encoder_options={"dim": 8},
        batch_size=4, show_progress=False,
    )  # fmt: skip
    temperatures, decays = zip(*seen, strict=True)
    assert temperatures == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    half = 0.2 * (1 - math.cos(math.pi / 4))
    assert [found[True] for found in decays] == pytest.approx([0, half, 0.2, 0.4 - half, 0.4])
    assert all(found.get(False, 0.0) == 0.0 for found in decays)


def test_stopped_and_resumed_it_ends_the_same(tmp_path, monkeypatch):
    from support.killing import killed_at

    def fit(out, **more):
        return dipole.fit(
            words(), temperature="cosine:0.1:0.5:2", weight_decay="linear:0.5:0", max_steps=8,
            out=tmp_path / out, encoder_options={"dim": 8}, batch_size=4, show_progress=False,
            checkpoint_every=3, **more,
        ).encoder.state_dict()  # fmt: skip

    whole = fit("whole")
    killed_at(monkeypatch, 5, fit, "stopped")
    resumed = fit("stopped", resume=True)
    assert all(whole[key].equal(resumed[key]) for key in whole)
