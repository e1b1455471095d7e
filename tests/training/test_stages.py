"""Stages: each trains on with its own settings; killed and resumed anywhere, the same weights."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.fit import fit
from dipole.training.loop import Trainer
from dipole.training.stages import stages_of

STAGES = [
    {"objective": "infonce", "parts": ["queue:size=20"], "temperature": 0.1, "epochs": 1},
    {"objective": "siglip", "learning_rate": 1e-3, "max_steps": 5, "chunk": 3},
    {"objective": "dcl", "epochs": 1, "parts": ["teacher"]},
]


@pytest.fixture
def train(tiny_encoder, pairs, tmp_path):
    start = {name: value.clone() for name, value in tiny_encoder.state_dict().items()}

    def run(name, stages=STAGES, **settings):
        tiny_encoder.load_state_dict(start)
        settings = {"log_every": 1, "checkpoint_every": 2} | settings
        return fit(
            pairs, tiny_encoder, out=tmp_path / name, stages=stages, show_progress=False, **settings
        )

    return run


def weights(run):
    return load_file(run.folder / "model" / "model.safetensors")


@pytest.fixture
def kill_at(monkeypatch):
    """Ends the run in the middle of its n-th step."""

    def run(step, function, *args, **settings):
        whole, left = Trainer._step, [step]

        def until(trainer, batch):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return whole(trainer, batch)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_step", until)
            with pytest.raises(KeyboardInterrupt):
                function(*args, **settings)

    return run


@pytest.mark.parametrize("step", [1, 8, 15])
def test_a_killed_run_is_resumed_to_the_bit(train, kill_at, step):
    whole = train("whole")
    kill_at(step, train, "killed")
    resumed = train("killed", resume=True)
    expected, found = weights(whole), weights(resumed)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_stages_are_one_run(train):
    run = train("run")
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 7 + 5 + 7 + 1))
    assert [line["stage"] for line in lines] == [1] * 7 + [2] * 5 + [3] * 7
    assert run.result["step"] == 19
    assert [stage["step"] for stage in run.result["stages"]] == [7, 5, 7]


def test_stages_by_hand_are_the_stages(train, tiny_encoder, pairs, tmp_path):
    """Three trainings of one encoder, one after the other."""
    run = train("run")
    torch.manual_seed(0)
    encoder = type(tiny_encoder)()
    for number, stage in enumerate(STAGES):
        fit(pairs, encoder, out=tmp_path / f"hand{number}", show_progress=False, **stage)
    for name, value in weights(run).items():
        assert torch.equal(value, encoder.state_dict()[name])


def test_the_next_stage_goes_on_from_the_best_of_the_validation(train, pairs):
    stages = [{"epochs": 6, "learning_rate": 0.1}, {"max_steps": 1, "learning_rate": 1e-12}]
    run = train("run", stages, validation=pairs.select(range(20)), validate_every=1, patience=None)
    first, second = run.result["stages"]
    assert first["best_step"] < first["step"]  # or this test would see nothing
    assert second["best"] == pytest.approx(first["best"], abs=1e-9)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"epoch": 1}, "stage 2: epoch: no such setting; did you mean 'epochs'"),
        ({"encoder": "static"}, "stage 2: encoder: expected for the whole run"),
        ({"temperature": "warm"}, "stage 2: temperature: found 'warm'"),
    ],
)
def test_a_wrong_stage_is_named(stage, message):
    with pytest.raises(InputError, match=message):
        stages_of(make_config(data="x", stages=[{}, stage]))


def test_the_data_of_the_first_stage_are_the_runs():
    config = make_config(stages=[{"data": "a.csv"}, {"data": "b.csv"}])
    assert [stage.data for stage in stages_of(config)[0]] == ["a.csv", "b.csv"]


def test_resume_starts_a_run_whose_stages_name_the_data(tmp_path):
    rows = "\n".join(f"what is w{n},it is w{n}" for n in range(40))
    (tmp_path / "a.csv").write_text(f"question,answer\n{rows}\n")
    run = fit(
        out=tmp_path / "run",
        resume=True,
        encoder_options={"dim": 8},
        stages=[{"data": str(tmp_path / "a.csv"), "max_steps": 1}],
    )
    assert run.result["step"] == 1


def test_a_fresh_stage_begins_as_the_first_and_asks_an_earlier_one(train, kill_at, tmp_path):
    stages = [
        {"objective": "siglip", "epochs": 1},
        {
            "fresh": True,
            "sampler": "clusters",
            "sampler_options": {"model": "stage:1", "clusters": 4},
            "epochs": 1,
        },
    ]
    whole = train("whole", stages)
    alone = train(
        "alone", stages=[], sampler="clusters", epochs=1,
        sampler_options={"model": str(whole.folder / "stages" / "1"), "clusters": 4},
    )  # fmt: skip
    found = [whole.folder / "stages" / "2" / "sampler.npy", alone.folder / "sampler.npy"]
    assert np.array_equal(*map(np.load, found))
    for key, value in weights(alone).items():
        assert value.equal(weights(whole)[key])
    for step in (3, 10):
        kill_at(step, train, f"killed {step}", stages)
        resumed = train(f"killed {step}", stages, resume=True)
        for key, value in weights(whole).items():
            assert value.equal(weights(resumed)[key])
    assert not (whole.folder / "start.pt").exists()


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"fresh": True}], "stage 1: fresh: found True; expected true, of a later stage"),
        ([{}, {"fresh": 1}], "stage 2: fresh: found 1; expected true"),
        (
            [{"sampler_options": {"model": "stage:1"}}],
            "stage 1: model: found 'stage:1'; expected an earlier stage",
        ),
        (
            [{}, {"mine": {"source": "self-samples", "judge": "stage:2"}}],
            "stage 2: model: found 'stage:2'; expected an earlier stage",
        ),
    ],
)
def test_stages_that_cannot_be(stages, message):
    with pytest.raises(InputError, match=message):
        stages_of(make_config(data="x", stages=stages))


def test_the_model_before_the_first_stage_is_one_to_ask(train):
    def stage(model):
        return {
            "objective": "siglip", "epochs": 1, "sampler": "clusters",
            "sampler_options": {"model": model, "clusters": 4},
        }  # fmt: skip

    run = train("asked", [{"objective": "siglip", "epochs": 1}, stage("stage:0")])
    before = run.folder / "stages" / "0"
    assert (before / "model").is_dir()
    again = train("again", [{"objective": "siglip", "epochs": 1}, stage(str(before))])
    for key, value in weights(run).items():
        assert value.equal(weights(again)[key])
