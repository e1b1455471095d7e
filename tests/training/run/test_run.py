"""A run is killed at everything it does to the disk, goes on, and ends the same to the bit."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file

from dipole.data.fingerprint import seen_share
from dipole.errors import InputError, RunError
from dipole.training.fit import fit
from dipole.training.loop import Trainer
from dipole.training.run.checkpoints import load_checkpoint, save_checkpoint
from dipole.training.run.folder import Run
from dipole.training.run.origin import ChangedDataError
from dipole.training.run.processes import only_run
from support.faults import every_death

STAGES = [{"parts": ["queue:size=5"], "max_steps": 2}, {"objective": "siglip", "max_steps": 2}]
KINDS = {
    "plain": {"max_steps": 3},
    "validation": {"max_steps": 4, "validation": "0.3", "validate_every": 1, "patience": 2},
    "stages": {"stages": STAGES},
}


@pytest.fixture
def train(tiny_encoder, pairs, tmp_path):
    start = {name: value.clone() for name, value in tiny_encoder.state_dict().items()}
    few = pairs.select(range(20))

    def run(name, data=few, **settings):
        tiny_encoder.load_state_dict(start)
        settings = {"log_every": 1, "checkpoint_every": 2, "show_progress": False} | settings
        return fit(data, tiny_encoder, out=tmp_path / name, **settings)

    return run


def weights(folder):
    return load_file(folder / "model" / "model.safetensors")


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_file_operation(train, tmp_path, kind):
    settings = KINDS[kind]
    whole = train("whole", **settings)
    files = {path.relative_to(whole.folder) for path in whole.folder.rglob("*")}

    def check(name):
        run = train(name, resume=True, **settings)
        assert same(weights(run.folder), weights(whole.folder)), name
        assert run.result["best_step"] == whole.result["best_step"], name
        assert {path.relative_to(run.folder) for path in run.folder.rglob("*")} == files, name
        shutil.rmtree(run.folder)

    deaths = every_death(lambda name: train(name, **settings), check, last=30)
    assert deaths > 20


@pytest.mark.parametrize("length", [{"epochs": 4.0}, {"max_steps": 12}])
def test_a_finished_run_is_lengthened(train, length):
    """With a constant rate it is the run that was longer from the start; steps count on."""
    constant = {"schedule": "constant", "warmup": 2}
    planned = train("planned", **constant, **length)
    short = train("run", **constant, epochs=2)
    run = train("run", **constant, **length, resume=True)
    assert short.result["step"] == 6
    assert run.result["step"] == planned.result["step"] == 12
    assert same(weights(run.folder), weights(planned.folder))
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 13))
    assert same(
        weights(train("run", **constant, **length, resume=True).folder), weights(run.folder)
    )


def test_the_rate_of_a_lengthened_run_is_that_of_the_new_length(train):
    train("run", epochs=2, schedule="linear", warmup=0)
    run = train("run", epochs=4, schedule="linear", warmup=0, resume=True)
    lines = map(json.loads, (run.folder / "metrics.jsonl").read_text().splitlines())
    rates = [line["learning_rate"] / 1e-2 for line in lines]
    assert rates[:6] == pytest.approx([1 - step / 6 for step in range(6)])
    assert rates[6:] == pytest.approx([1 - step / 12 for step in range(6, 12)])


def test_a_lengthened_run_keeps_the_best_of_before(train):
    settings = {"validation": "0.3", "validate_every": 1, "learning_rate": 1e-9}
    short = train("run", max_steps=2, **settings)
    run = train("run", max_steps=4, resume=True, **settings)
    assert run.result["best"] == short.result["best"]
    assert run.result["best_step"] == short.result["best_step"] < 3
    assert same(weights(run.folder), weights(short.folder))


def test_patience_begins_anew_in_a_lengthened_run(train):
    settings = {"validation": "0.3", "validate_every": 1, "learning_rate": 1e-9, "patience": 2}
    short = train("run", max_steps=9, **settings)
    assert short.result["step"] == 3
    assert train("run", max_steps=10, resume=True, **settings).result["step"] == 5


@pytest.mark.slow
def test_lengthening_is_killed_at_any_file_operation(train, tmp_path):
    settings = {"validation": "0.3", "validate_every": 1}
    train("short", max_steps=2, **settings)
    shutil.copytree(tmp_path / "short", tmp_path / "whole")
    whole = train("whole", max_steps=4, resume=True, **settings)

    def lengthen(name):
        return train(name, max_steps=4, resume=True, **settings)

    def check(name):
        run = lengthen(name)
        assert run.result["step"] == 4
        assert same(weights(run.folder), weights(whole.folder)), name
        shutil.rmtree(run.folder)

    every_death(
        lengthen,
        check,
        prepare=lambda name: shutil.copytree(tmp_path / "short", tmp_path / name),
        last=10,
    )


def test_what_cannot_be_lengthened_is_refused_and_stays(train, tmp_path):
    run = train("run", epochs=2)
    with pytest.raises(InputError, match="has had 6 steps, and 3 are asked for; expected more"):
        train("run", epochs=1, resume=True)
    with pytest.raises(InputError, match="seed: 3, but the run in"):
        train("run", epochs=4, seed=3, resume=True)
    shutil.rmtree(run.folder / "checkpoints")
    with pytest.raises(InputError, match="no whole checkpoint from which it could be lengthened"):
        train("run", epochs=4, resume=True)
    assert train("run", resume=True).result == run.result


def test_a_refused_run_leaves_its_name_free(train, tmp_path):
    with pytest.raises(InputError, match="sampler: found 'classes' for Pairs"):
        train("run", sampler="classes")
    with pytest.raises(InputError, match="below"):  # at the first step
        train("run", matryoshka=[999])
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="sampler: found 'classes' for Pairs"):
        train("run", sampler="classes", resume=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": 3}, "data: found an int; expected a path, a name, examples"),
        ({"encoder": 5}, "encoder: found an int; expected a path, a name, or an encoder"),
        ({"validation": {"a"}}, "validation: found a set; expected a path"),
        ({"objective": dict}, r"objective: found the class dict; expected dict\(\)"),
        ({"out": None}, "out: found None; expected the folder of the run"),
    ],
)
def test_arguments_of_another_kind(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        fit(**{"data": "x.csv", "out": tmp_path / "run"} | arguments)
    assert not any(tmp_path.iterdir())


def turned(pairs):
    """20 rows of 20: two others, and all in another order."""
    rows = pairs.select([*range(2, 20), 30, 31])
    return rows.select(range(19, -1, -1))


def kill_after(train, step, monkeypatch, **settings):
    whole = Trainer._step

    def until(trainer, batch):
        if trainer.progress.step == step:
            raise KeyboardInterrupt
        return whole(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", until)
        with pytest.raises(KeyboardInterrupt):
            train("run", **settings)


def test_the_seconds_of_a_run_are_those_of_all_its_processes(train, tmp_path, monkeypatch):
    kill_after(train, 3, monkeypatch)
    folder = tmp_path / "run" / "checkpoints"
    state = load_checkpoint(folder / "step-000000002")
    assert state["progress"]["seconds"] > 0
    state["progress"]["seconds"] = 1000.0
    save_checkpoint(folder, 2, state)
    assert 1000 < train("run", resume=True).result["seconds"] < 2000


def test_resume_on_changed_data_is_refused(train, pairs, monkeypatch):
    kill_after(train, 3, monkeypatch)
    with pytest.raises(ChangedDataError) as error:
        train("run", turned(pairs), resume=True)
    assert str(error.value) == (
        "Pairs(20 examples from python values): changed since this run began: 20 rows then, "
        "20 now, 90% of these were there then; expected the data of before, or --changed-data "
        "to go on with these"
    )
    with pytest.raises(ChangedDataError, match="the same texts in another order"):
        train("run", pairs.select(range(19, -1, -1)), resume=True)
    with pytest.raises(ChangedDataError, match="20 rows then, 25 now, 80% of these"):
        train("run", pairs.select(range(25)), resume=True)
    assert same(weights(train("run", resume=True).folder), weights(train("whole").folder))


def test_changed_data_goes_on_where_asked(train, pairs, monkeypatch):
    kill_after(train, 3, monkeypatch)
    run = train("run", turned(pairs), resume=True, changed_data=True)
    assert run.result["step"] == 6
    assert not same(weights(run.folder), weights(train("whole").folder))
    data = json.loads((run.folder / "data.json").read_text())
    assert data["changed"]
    assert seen_share(pairs.select(range(20)), data) == seen_share(turned(pairs), data) == 1
    assert seen_share(pairs.select(range(32, 50)), data) == 0


def test_changed_validation_is_refused(train, pairs, monkeypatch):
    kill_after(train, 3, monkeypatch, validation=pairs.select(range(30, 40)))
    with pytest.raises(ChangedDataError, match=r"validation .*10 rows then, 5 now"):
        train("run", validation=pairs.select(range(30, 35)), resume=True)


def test_data_json_says_what_it_was_trained_on(train, pairs):
    held = pairs.select(range(40, 50))
    data = json.loads((train("run", validation=held).folder / "data.json").read_text())
    assert seen_share(pairs.select(range(20)), data) == 1
    assert seen_share(held, data) == 0
    assert [part["role"] for part in data["parts"]] == ["training", "validation"]
    stages = train("stages", stages=STAGES)
    data = json.loads((stages.folder / "data.json").read_text())
    assert seen_share(pairs.select(range(20)), data) == 1


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied", "gone"])
def test_a_damaged_checkpoint_is_passed_over(train, monkeypatch, tmp_path, capfd, how):
    kill_after(train, 5, monkeypatch)
    newest = tmp_path / "run" / "checkpoints" / "step-000000004" / "state.pt"
    damage(newest, how)
    (newest.parent.parent / "step-junk").mkdir()
    (newest.parent.parent / "step-000000009").write_text("a file")
    run = train("run", resume=True)
    said = capfd.readouterr().err
    assert said.startswith(f"{newest.parent}: damaged (")
    assert said.count("\n") == 1
    assert "going back to the one before" in said
    assert same(weights(run.folder), weights(train("whole").folder))


def damage(path, how):
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "flipped":  # one bit of a weight: torch reads it without a word
        place = content.index(torch.load(path, weights_only=True)["towers"]["encoder.linear.bias"]
                              .numpy().tobytes())  # fmt: skip
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    else:
        path.write_bytes(content[: len(content) // 2] if how == "cut" else b"")


def test_no_whole_checkpoint_begins_again(train, monkeypatch, tmp_path, capfd):
    kill_after(train, 3, monkeypatch)
    damage(tmp_path / "run" / "checkpoints" / "step-000000002" / "state.pt", "cut")
    run = train("run", resume=True)
    assert "beginning again at step 0" in capfd.readouterr().err
    assert same(weights(run.folder), weights(train("whole").folder))


def test_two_trainings_in_one_folder(train, tmp_path):
    with only_run(tmp_path / "run"), pytest.raises(RunError, match="another training is at work"):
        train("run")
    with only_run(tmp_path / "run"), pytest.raises(RunError, match=f"process {os.getpid()} on"):
        train("run", resume=True)
    assert train("run").result["step"] == 6


def write_csv(path, words):
    lines = [f"how to {word},the answer about {word} is here" for word in words]
    path.write_text("question,answer\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_a_tokeniser_made_of_changed_data_is_not_taken(tmp_path, monkeypatch):
    """The default encoder's tokens are made of the rows: the kept ones fit the weights."""
    words = [f"{a}{b}{c}" for a in "abcdef" for b in "ghijkl" for c in "mnop"]
    data = write_csv(tmp_path / "pairs.csv", words)
    settings = {"out": tmp_path / "run", "encoder_options": {"dim": 16}, "batch_size": 32,
                "checkpoint_every": 1, "epochs": 1, "show_progress": False}  # fmt: skip

    def train(_, **more):
        return fit(data, **settings | more)

    kill_after(train, 3, monkeypatch)
    write_csv(tmp_path / "pairs.csv", ["something", "quite", "different", *words[:100]])
    with pytest.raises(ChangedDataError, match=r"pairs.csv: changed .*144 rows then, 103 now, 97%"):
        train("run", resume=True)
    run = train("run", resume=True, changed_data=True)
    assert run.result["step"] == 4
    assert run.encoder.encode(["quite different"]).shape == (1, 16)
    longer = train("run", resume=True, epochs=2)  # the change is remembered
    assert longer.result["step"] == 8


def test_a_run_is_opened_from_its_folder(train, tmp_path):
    run = train("run", max_steps=3)
    opened = Run.open(str(tmp_path / "run"))
    assert opened.result == run.result
    assert opened.history == run.history
    for name, value in run.encoder.weights().items():
        assert torch.equal(opened.encoder.weights()[name], value)
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(InputError, match=r"the run did not finish; to go on: dipole train --out"):
        Run.open(tmp_path / "run")
    with pytest.raises(InputError, match=r"none: no run here; expected a folder that dipole train"):
        Run.open(tmp_path / "none")
