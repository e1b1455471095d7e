"""What is computed anew between epochs: groups, pseudo-labels, centroids; killed and resumed."""

import copy

import numpy as np
import pytest
import torch

import dipole
from dipole.errors import InputError
from dipole.training.every import Every
from dipole.training.regrouping import Regrouped
from support.killing import killed_at
from support.tiny import word_pairs

RUNS = {
    "clusters": {"sampler": "clusters", "sampler_options": {"clusters": 5, "every": 1}},
    "apart": {"sampler": "apart", "sampler_options": {"every": 2}},
    "neighbours": {
        "sampler": "neighbours",
        "sampler_options": {"community": 4, "skip": 0, "neighbours": 9, "every": 1},
    },
    "pseudo-labels": {
        "parts": ["pseudo-labels:clusters=6,every=0.5"],
        "objective": "multi-similarity",
    },
    "clusters by steps": {
        "sampler": "clusters",
        "sampler_options": {"clusters": 5, "every": "4steps"},
    },
    "neighbours by epochs": {
        "sampler": "neighbours",
        "sampler_options": {"community": 4, "skip": 0, "neighbours": 9, "every": "2epochs"},
    },
    "pseudo-labels by steps": {
        "parts": ["pseudo-labels:clusters=6,every=5steps"],
        "objective": "multi-similarity",
    },
    "centroids by steps": {
        "parts": ["centroids:count=5,every=5steps"],
        "objective": "infonce + 0.1 * bidirectional-margin",
        "objective_options": {"infonce.symmetric": False},
    },
    "centroids": {
        "parts": ["centroids:count=5,every=1"],
        "objective": "infonce + 0.1 * bidirectional-margin",
        "objective_options": {"infonce.symmetric": False},
    },
}


def fit(encoder, out, settings, **more):
    given = {"batch_size": 8, "epochs": 3, "checkpoint_every": 4, "show_progress": False}
    given |= settings | more
    return dipole.fit(word_pairs(44), copy.deepcopy(encoder), out=out, **given)


def weights(run):
    return run.encoder.state_dict()


@pytest.mark.parametrize("name", RUNS)
def test_killed_and_resumed_it_ends_the_same(tiny_encoder, tmp_path, monkeypatch, name):
    whole = fit(tiny_encoder, tmp_path / "whole", RUNS[name])
    for step in (2, 6, 12, 13):  # an epoch has six steps
        out = tmp_path / f"stopped {step}"
        killed_at(monkeypatch, step, fit, tiny_encoder, out, RUNS[name])
        resumed = fit(tiny_encoder, out, RUNS[name], resume=True)
        for key, value in weights(whole).items():
            assert value.equal(weights(resumed)[key]), (step, key)


@pytest.mark.parametrize(
    "name",
    ["clusters", "pseudo-labels", "centroids", "clusters by steps", "pseudo-labels by steps"],
)
def test_what_is_found_anew_changes_the_training(tiny_encoder, tmp_path, name):
    settings = copy.deepcopy(RUNS[name])
    if "sampler" in settings:
        del settings["sampler_options"]["every"]
    else:
        settings["parts"] = [settings["parts"][0].partition(",")[0]]
    once = fit(tiny_encoder, tmp_path / "once", settings)
    often = fit(tiny_encoder, tmp_path / "often", RUNS[name])
    assert not weights(once)["linear.weight"].equal(weights(often)["linear.weight"])


@pytest.mark.parametrize(
    ("name", "at"), [("clusters", [6, 12]), ("clusters by steps", [4, 8, 12, 16])]
)
def test_groups_are_those_of_the_encoder_as_it_is(tiny_encoder, tmp_path, monkeypatch, name, at):
    """After the last step for which the ones before hold, and before the next."""
    from dipole.training.loop import Trainer

    seen, regroup, step = [], Regrouped.regroup, Trainer._step

    def regrouping(self, epoch, start, step):
        seen.append(step)
        regroup(self, epoch, start, step)

    monkeypatch.setattr(Regrouped, "regroup", regrouping)

    def watched(self, batch):
        seen.append("step")
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", watched)
    fit(tiny_encoder, tmp_path / "run", RUNS[name])
    ends = zip([0, *at], [*at, 18], strict=True)
    expected = [what for a, b in ends for what in [*["step"] * (b - a), b]]
    assert seen == expected[:-1]


def test_every_row_meets_once_an_epoch(tiny_encoder, tmp_path, monkeypatch):
    from dipole.training.loop import Trainer

    rows, step = [], Trainer._step

    def watched(self, batch):
        rows.append(batch.tensors["rows"].tolist())
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", watched)
    fit(tiny_encoder, tmp_path / "run", RUNS["clusters"])
    flat = [row for batch in rows for row in batch]
    assert [sorted(flat[i : i + 44]) for i in (0, 44, 88)] == [list(range(44))] * 3


def test_pseudo_labels_are_by_row_and_of_the_model(tiny_encoder, tmp_path):
    from dipole.training.material import Material
    from dipole.training.parts import PseudoLabels
    from support.parts import bound

    examples = word_pairs(12)
    part = bound(PseudoLabels(clusters=3), {"labels": True}, examples=examples)
    found = part.renew(Material(examples, tiny_encoder, 4, 0))["classes"]
    assert len(set(found.tolist())) == 3
    part.classes = found
    rows = torch.tensor([5, 1, 5])
    assert part.before({"rows": rows})["labels"].tolist() == found[rows].tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "clusters", "sampler_options": {"every": 0}}, "'every': found 0; expected 1"),
        (
            {"sampler": "clusters", "sampler_options": {"every": "x"}},
            "'every': found 'x'",
        ),
        (
            {"sampler": "clusters", "sampler_options": {"every": "9stepps"}},
            "sampler option 'every': found '9stepps'; expected epochs, as 2, or 500steps",
        ),
        (
            {"sampler": "clusters", "sampler_options": {"every": "0.5epochs"}},
            "'every': found 0.5epochs; expected 1 epoch or more, or 500steps",
        ),
        (
            {"parts": ["pseudo-labels:clusters=3,every=0steps"], "objective": "supcon"},
            "part pseudo-labels: every: found '0steps'; expected epochs",
        ),
        (
            {"parts": ["centroids:count=3,every=1.5steps"]},
            "part centroids: every: found '1.5steps'; expected a whole number of steps",
        ),
        ({"sampler_options": {"every": 1}}, "sampler option 'every': unique has no such setting"),
        (
            {"parts": ["pseudo-labels:clusters=99"], "objective": "multi-similarity"},
            "pseudo-labels: found clusters=99 for 44 rows",
        ),
        ({"parts": ["pseudo-labels:clusters=3"]}, "part pseudo-labels: gives labels, and neither"),
        (
            {"parts": ["pseudo-labels:clusters=3,model=x,every=1"], "objective": "supcon"},
            "part pseudo-labels: found every with model",
        ),
    ],
)
def test_what_cannot_be_is_one_line(tiny_encoder, tmp_path, settings, message):
    with pytest.raises(InputError) as error:
        fit(tiny_encoder, tmp_path / "run", settings)
    assert message in str(error.value)


def test_by_steps_an_epoch_goes_on_where_it_was():
    """With the groups that it had, it has the batches that it had: every row once."""
    from dipole.sampling.grouped import GroupsTogether
    from dipole.training.shares import Batches

    def plan(every):
        groups = np.arange(24) % 3
        find = groups.copy
        plans = [
            Regrouped(groups, lambda g: GroupsTogether(g, 4), find, Every.read(one))
            for one in every
        ]
        return Batches(plans, [24] * len(every), [None] * len(every))

    def batches(every):
        made, steps = plan(every), []
        while len(steps) < 30:
            steps += made.steps(len(steps), 30)
            if len(steps) < 30:
                made.regroup(len(steps))
        assert [step for step, _ in steps] == list(range(30))
        return [rows.tolist() for _, rows in steps]

    assert batches(["4steps"]) == batches([99])
    assert batches(["5steps", 1]) == batches([99, 99])


def test_by_steps_other_groups_hold_at_once():
    from dipole.sampling.grouped import GroupsTogether
    from dipole.training.shares import Batches

    later = np.arange(24) // 8
    regrouped = Regrouped(
        np.arange(24) % 3, lambda g: GroupsTogether(g, 4), lambda: later, Every.read("4steps")
    )
    plan = Batches([regrouped], [24], [None])
    first = [rows for _, rows in plan.steps(0, 12)]
    assert len(first) == 4
    assert all(len(set(rows % 3)) == 1 for rows in first)
    plan.regroup(4)
    second = [rows for _, rows in plan.steps(4, 12)]
    assert len(second) == 4
    assert all(len(set(rows // 8)) == 1 for rows in second)


def test_other_data_have_other_groups(tiny_encoder, tmp_path, monkeypatch):
    out = tmp_path / "stopped"
    killed_at(monkeypatch, 8, fit, tiny_encoder, out, RUNS["clusters"])
    with pytest.raises(InputError, match="its groups of the old rows are no groups of the new"):
        dipole.fit(
            word_pairs(30), copy.deepcopy(tiny_encoder), out=out, resume=True, changed_data=True,
            show_progress=False,
        )  # fmt: skip


def test_the_first_groups_decide_how_long_it_is():
    from dipole.sampling.grouped import GroupsApart
    from dipole.training.shares import Batches

    first, later = np.arange(8) % 4, np.zeros(8, np.int64)
    every = Every.read(1)
    regrouped = Regrouped(first, lambda g: GroupsApart(g, 4), lambda: later, every)
    plan = Batches([regrouped], [8], [None])
    assert [len(rows) for _, rows in plan.steps(0, 99)] == [4, 4]
    plan.regroup(2)
    assert [step for step, _ in plan.steps(2, 99)] == list(range(2, 10))
    assert plan.length(1) == 2


@pytest.mark.parametrize("shares", [[None, None], [None, 0.5]])
def test_of_several_tasks_each_has_its_groups_found_anew_in_its_time(shares):
    from dipole.sampling.grouped import GroupsTogether
    from dipole.training.shares import Batches

    found = []

    def regrouped(number, every):
        def find():
            found.append(number)
            return np.arange(8) // 4

        every = Every.read(every)
        return Regrouped(np.arange(8) % 2, lambda g: GroupsTogether(g, 4), find, every)

    plan = Batches([regrouped(0, 1), regrouped(1, 2)], [8, 8], shares)
    steps = list(plan.steps(0, 14))
    while len(steps) < 14:
        plan.regroup(len(steps))
        steps += plan.steps(len(steps), 14)
    assert [step for step, _ in steps] == list(range(14))
    assert found == [0, 0, 1, 0]
