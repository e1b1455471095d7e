"""A run that was stopped and resumed is the run that was not, to the bit."""

import json
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dipole.data import Labeled, Triplets, content_key
from dipole.errors import InputError, RunError
from dipole.objectives import InfoNCE
from dipole.training.fit import fit
from dipole.training.loop import InterruptedRunError, Trainer
from dipole.training.run.checkpoints import list_checkpoints


@pytest.fixture
def train(tiny_encoder, pairs, tmp_path):
    """A run with small settings into tmp_path/NAME; `encoder` starts from the same weights."""
    start = {name: value.clone() for name, value in tiny_encoder.state_dict().items()}

    def run(name="run", objective=None, data=pairs, **settings):
        tiny_encoder.load_state_dict(start)
        settings = {"log_every": 1, "show_progress": False, "epochs": 2} | settings
        return fit(data, tiny_encoder, objective, out=tmp_path / name, **settings)

    return run


class StopsAt(InfoNCE):
    """Presses Ctrl-C during one step."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def forward(self, anchor, positive, negative=None, relation=None, ids=None):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return super().forward(anchor, positive, ids=ids)


class BreaksAt(StopsAt):
    """Gives nan at one step."""

    def forward(self, anchor, positive, negative=None, relation=None, ids=None):
        self.left -= 1
        loss = InfoNCE.forward(self, anchor, positive, ids=ids)
        return loss * float("nan") if self.left == 0 else loss


def weights(run):
    return load_file(run.folder / "model" / "model.safetensors")


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def steps(run):
    return [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]


def test_seeds_decide_everything(train):
    assert same(weights(train("a", seed=1)), weights(train("b", seed=1)))
    assert not same(weights(train("a2", seed=1)), weights(train("c", seed=2)))


def test_the_loss_falls(train):
    losses = [line["loss"] for line in steps(train(epochs=20, clip_norm=None))]
    assert np.mean(losses[-7:]) < 0.6 * np.mean(losses[:7])


@pytest.mark.parametrize("stop", [1, 6, 7, 13])
def test_ctrl_c_saves_and_resume_ends_with_the_same_weights(train, tmp_path, stop):
    whole = train("whole")
    with pytest.raises(InterruptedRunError, match=rf"stopped at step {stop} of 14.*--resume"):
        train("stopped", StopsAt(stop))
    resumed = train("stopped", StopsAt(0), resume=True)
    assert same(weights(whole), weights(resumed))
    assert [line["step"] for line in steps(resumed)] == list(range(1, 15))
    assert [line["loss"] for line in steps(whole)] == [line["loss"] for line in steps(resumed)]


@pytest.mark.parametrize(
    "parts",
    [
        {"parts": ["queue:size=20", "teacher:decay=0.5"], "chunk": 3},
        {"parts": ["queue:size=20", "mixed:mixes=4,hardest=8"], "objective": "queue-infonce"},
    ],
)
def test_queue_teacher_and_mixtures_are_resumed_to_the_bit(train, monkeypatch, parts):
    whole = train("whole", **parts)
    step = Trainer._step

    def killed(trainer, batch):
        if trainer.progress.step == 9:
            raise KeyboardInterrupt
        return step(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train("killed", checkpoint_every=4, **parts)
    assert same(weights(whole), weights(train("killed", resume=True, checkpoint_every=4, **parts)))


def test_labelled_inputs_with_views_are_measured_by_their_neighbours(train, pairs):
    words = [a + b + c for a in "abcd" for b in "efghijkl" for c in "mnopq"]
    labeled = Labeled.from_columns({"input": words, "label": [word[0] for word in words]})
    run = train("run", data=labeled, objective="supcon", validation="0.3", epochs=20)
    assert run.result["measure"] == "kNN accuracy"
    assert run.result["best"] > 0.25  # of four classes by chance


def test_ctrl_c_in_the_last_step_ends_the_run(train):
    assert train("run", StopsAt(14)).result["step"] == 14


def test_a_checkpoint_older_than_the_log_drops_the_lines_that_come_again(train):
    with pytest.raises(RunError):
        train("broken", BreaksAt(9), checkpoint_every=4)
    resumed = train("broken", BreaksAt(0), resume=True)
    assert [line["step"] for line in steps(resumed)] == list(range(1, 15))
    assert same(weights(train("whole")), weights(resumed))


def test_a_loss_that_is_not_finite_names_step_rows_and_checkpoint(train, tmp_path):
    with pytest.raises(RunError) as error:
        train("broken", BreaksAt(9), checkpoint_every=4)
    message = str(error.value)
    assert message.startswith("step 9: the loss is nan; batch of 8 examples: ")
    assert message.endswith(
        "the last good checkpoint is "
        + str(list_checkpoints(tmp_path / "broken" / "checkpoints")[-1])
    )
    assert "\n" not in message


def test_vectors_that_are_not_finite_name_step_and_rows(train, tmp_path):
    with pytest.raises(RunError, match=r"^step 2: anchor: found .* nan or inf.*batch of 8 example"):
        train("broken", learning_rate=1e30, clip_norm=0, schedule="constant", warmup=0)
    assert (tmp_path / "broken" / "config.yaml").exists()


def test_validation_keeps_the_best_model_and_stops_early(train, pairs):
    held = pairs.select(range(20))
    run = train(
        "run",
        data=pairs.select(range(20, 50)),
        validation=held,
        validate_every=2,
        patience=3,
        epochs=40,
    )
    values = {
        line["step"]: line["validation/MRR@10"]
        for line in steps(run)
        if "validation/MRR@10" in line
    }
    best = max(values.values())
    assert run.result["best"] == best
    assert run.result["best_step"] == min(step for step, value in values.items() if value == best)
    assert run.result["step"] < 160  # it stopped early
    assert run.result["step"] == max(values) == run.result["best_step"] + 6


def test_the_kept_model_is_the_one_that_was_best(train, pairs):
    """Its measure, taken again, is the best of the log."""
    from dipole.training.validation import make_validation

    held = pairs.select(range(20))
    run = train("run", data=pairs.select(range(20, 50)), validation=held, epochs=6)
    assert make_validation(held)[1](run.encoder) == pytest.approx(run.result["best"], abs=1e-9)


def test_a_stopped_run_with_validation_is_resumed_to_the_same_best(train, pairs):
    held, rest = pairs.select(range(20)), pairs.select(range(20, 50))
    settings = {"data": rest, "validation": held, "validate_every": 3, "epochs": 4}
    whole = train("whole", **settings)
    with pytest.raises(InterruptedRunError):
        train("stopped", StopsAt(8), **settings)
    resumed = train("stopped", StopsAt(0), resume=True, **settings)
    assert same(weights(whole), weights(resumed))
    assert whole.result["best_step"] == resumed.result["best_step"]


def test_chunks_give_the_same_gradient_with_dropout_off(train, tiny_encoder):
    tiny_encoder.dropout.p = 0.0
    whole, chunked = train("whole"), train("chunked", chunk=3)
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(chunked)[name], value, rtol=1e-4, atol=1e-6)


def test_an_existing_folder_is_never_overwritten(train, tmp_path):
    train("run")
    with pytest.raises(InputError, match="run: exists; expected a new folder"):
        train("run")


def test_resume_of_a_finished_run_loads_it(train):
    assert same(weights(train("run")), weights(train("run", resume=True)))


def test_resume_refuses_other_settings(train):
    with pytest.raises(InterruptedRunError):
        train("run", StopsAt(3))
    with pytest.raises(InputError, match=r"seed: 5, but the run in .* has 0"):
        train("run", StopsAt(0), resume=True, seed=5)
    with pytest.raises(InputError, match=r"objective: the run was given StopsAt"):
        train("run", resume=True)


def test_max_steps_and_fractions_of_epochs(train):
    assert train("a", max_steps=3).result["step"] == 3
    assert train("b", epochs=0.5).result["step"] == 4  # of 7 batches, rounded
    assert train("c", max_steps=10, epochs=1).result["step"] == 10


def test_runs_of_both_precisions_in_one_process(train):
    """And bf16 is bf16: other weights, near those of fp32."""
    single, half = weights(train("a")), weights(train("b", precision="bf16"))
    assert same(single, weights(train("c")))
    assert not same(single, half)
    for name, value in single.items():
        torch.testing.assert_close(half[name], value, rtol=0.2, atol=0.05)


@pytest.mark.parametrize("sampler", ["unique", "clusters", "apart", "curriculum"])
def test_no_objective_is_given_a_known_positive_for_a_negative(tiny_encoder, tmp_path, sampler):
    """Planted: anchors share positives, and list each other's, their own, and themselves. Of all
    positives, listed and queued negatives, none belongs to the anchor by any row, save copies of
    the row's own positive, which go by their id."""
    rng = np.random.default_rng(0)
    rows = [(a, p) for a in range(40) for p in rng.choice(60, rng.integers(1, 4), False)]
    triplets = Triplets.from_columns(
        {
            "anchor": [f"q{a}" for a, _ in rows],
            "positive": [f"p{p}" for _, p in rows],
            "negatives": [[f" p{n}" for n in rng.integers(0, 60, 4)] + [f"q{a}"] for a, _ in rows],
        }
    )
    known = {(content_key(f"q{a}"), content_key(f"p{p}")) for a, p in rows}
    anchors = [content_key(f"q{a}") for a, _ in rows]
    seen = []

    class Spy(InfoNCE):
        def forward(self, anchor, positive, negative=None, ids=None, negative_ids=None, rows=None):
            more = [] if negative_ids is None else negative_ids.tolist()
            both = [*ids.tolist(), *more]
            seen.extend(
                (row, own, both) for row, own in zip(rows.tolist(), ids.tolist(), strict=True)
            )
            return super().forward(anchor, positive, negative, None, ids, negative_ids)

    fit(
        triplets, tiny_encoder, Spy(), out=tmp_path / "run", batch_size=8, epochs=2,
        parts="queue:size=30", sampler=sampler, show_progress=False,
    )  # fmt: skip
    assert len(seen) > 50
    listed = 0
    for row, own, others in seen:
        strangers = {other % 2**64 for other in others if other != own}
        assert not {(anchors[row], other) for other in strangers} & known
        assert anchors[row] not in strangers
        listed += len(strangers)
    assert listed > 20 * len(seen)
