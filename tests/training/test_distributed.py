"""One run on one process and on several ends with the same weights, to rounding."""

import os
from pathlib import Path

import pytest
import torch

from dipole.data import Scored, Triplets
from dipole.lock import LOCK, Lock
from dipole.objectives.maths import reduce
from dipole.training.steps import Step
from support import distributed
from support.tiny import TinyEncoder, load_tiny, word_pairs

# What is trained, as settings of `fit`; every one with uneven last batches (44 = 5 x 8 + 4).
RUNS = {
    "plain": {},
    "queue and cache": {"parts": ["queue:size=20"], "chunk": 3},
    "ring": {"objective_options": {"executor": "ring"}, "parts": ["queue:size=20"]},
    "teacher and queue": {"parts": ["teacher:decay=0.5", "queue:size=20"]},
    "queues by name": {
        "objective": "infonce(negative=past) + "
        "infonce(anchor=positive, positive=teacher_anchor_view, negative=asked)",
        "view": ["anchor=word-deletion"],
        "parts": [
            "teacher:decay=0.5",
            "queue:size=20,name=past",
            "queue:size=12,name=asked,holds=teacher_anchor_view,starts=random",
        ],
    },
    "teacher scores": {"parts": ["teacher:kind=frozen"], "objective": "dclr"},
    "frozen teacher": {
        "objective": "queue-infonce",
        "parts": ["queue:size=16", "teacher:kind=frozen"],
    },
    "teacher of pairs": {
        "listed": True,
        "objective": "kl-listwise",
        "parts": ["teacher:model=bm25"],
    },
    "teacher of a batch": {"objective": "kl-listwise", "parts": ["teacher:model=bm25"]},
    "mined": {"mine": {"source": "encoder", "negatives": 2}},
    "state of examples": {"objective": "isogclr", "objective_options": {"rho": 0.5}},
    "lists that are empty here and there": {"listed": True, "batch_size": 4},
    "fewer rows than processes": {"batch_size": 2, "parts": ["queue:size=5"]},
    "sharded": {
        "sharded": True,
        "parts": ["teacher", "queue:size=9"],
        "chunk": 2,
        "clip_norm": 0.5,
    },
    "sharded objective": {
        "sharded": True,
        "objective": "infonce + 0.1 * siglip",
        "objective_options": {"infonce.learn_temperature": True},
        "combine": "mgda",
    },
    "momentum": {
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "optimizer_options": {"momentum": 0.9},
        "weight_decay": "cosine:0:0.1",
        "temperature": "linear:0.2:0.05",
    },
    "sharded lars": {
        "sharded": True,
        "optimizer": "lars",
        "learning_rate": 1.0,
        "optimizer_options": {"eta": 0.05},
    },
    # torch orthogonalises in bfloat16: a share of every step, as long as the rate, is rounding
    "muon": {"optimizer": "muon", "learning_rate": 1e-3},
    "groups found anew": {
        "sampler": "clusters",
        "sampler_options": {"clusters": 5, "every": 1},
        "objective": "infonce + 0.1 * multi-similarity",
        "parts": ["pseudo-labels:clusters=4,every=1"],
    },
    "groups found anew by steps": {
        "sampler": "clusters",
        "sampler_options": {"clusters": 5, "every": "3steps"},
        "objective": "infonce + 0.1 * multi-similarity",
        "parts": ["pseudo-labels:clusters=4,every=2steps"],
    },
    "step": {"step": f"{__file__}:Spelling", "chunk": 3, "parts": ["queue:size=20"]},
    "sources": {
        "graded": {"objective": "pearson", "share": 0.4},
        "objective_options": {"learn_temperature": True},
        "parts": ["queue:size=9", "teacher:decay=0.5"],
        "chunk": 3,
    },
    "sources with all there is": {
        "graded": {"objective": "pearson"},
        "step": f"{__file__}:Spelling",
        "sampler": "clusters",
        "sampler_options": {"clusters": 5, "every": 1},
        "mine": {"source": "encoder", "negatives": 2},
        "parts": ["queue:size=20"],
    },
    "sharded sources": {"graded": {"objective": "pearson"}, "sharded": True, "chunk": 2},
    "stages": {
        "stages": [
            {"parts": ["queue:size=9"], "epochs": 1},
            {"objective": "siglip", "chunk": 2, "max_steps": 4},
        ]
    },
}


class Spelling(Step):
    """The objective, and the vectors' lengths after a layer of its own."""

    def bind(self, setup):
        self.layer = torch.nn.Linear(setup.encoder.dim, 3)

    def forward(self, batch):
        vectors = batch.vectors()
        return {
            "contrast": self.objective(**self.objective.pick(vectors)),
            "length": reduce(self.layer(vectors["anchor"]).square().mean(1), "mean"),
        }


def listed(count):
    """Pairs of which every fourth lists negatives: a process may have a part without any."""
    pairs = word_pairs(count)
    columns = {name: pairs.column(name) for name in ("anchor", "positive")}
    lists = [[f"far {i}", f"away {i}"] if i % 4 == 0 else [] for i in range(count)]
    return Triplets.from_columns({**columns, "negatives": lists})


def graded(count):
    """Words and other words, with scores."""
    words = list(word_pairs(count).column("anchor"))
    scores = [i % 5 / 4 for i in range(count)]
    return Scored.from_columns({"first": words, "second": words[7:] + words[:7], "score": scores})


def part(out, settings):
    """One process of a run; the weights it ends with."""
    import dipole.encoders
    from dipole.training.fit import fit

    distributed.enter()
    dipole.encoders.load_encoder = load_tiny
    torch.manual_seed(0)
    encoder = TinyEncoder()
    encoder.dropout.p = 0.0  # every process draws its own numbers
    settings = {"batch_size": 8, "epochs": 2, "clip_norm": None} | settings
    data = listed(44) if settings.pop("listed", False) else word_pairs(44)
    if "graded" in settings:
        settings["sources"] = [{graded(21): settings.pop("graded")}]
    run = fit(data, encoder, out=Path(out), show_progress=False, **settings)
    return {name: tensor.numpy() for name, tensor in run.encoder.state_dict().items()}


def killed_part(out, settings, step):
    """A process that ends in the middle of a step, as if it were killed."""
    from dipole.training.loop import Trainer

    whole = Trainer._step

    def until(trainer, batch):
        if trainer.progress.step == step:
            raise KeyboardInterrupt
        return whole(trainer, batch)

    Trainer._step = until
    try:
        part(out, settings)
    except KeyboardInterrupt:
        return
    finally:
        Trainer._step = whole
    raise AssertionError("not killed")


@pytest.mark.parametrize(
    ("processes", "name"),
    [(2, name) for name in RUNS]
    + [(3, "queue and cache"), (3, "fewer rows than processes"), (3, "sharded"), (4, "ring")],
)
def test_several_processes_end_as_one(tmp_path, name, processes):
    (one,) = distributed.run(1, part, str(tmp_path / "one"), RUNS[name])
    for several in distributed.run(processes, part, str(tmp_path / "several"), RUNS[name]):
        for key, value in one.items():
            torch.testing.assert_close(
                torch.tensor(several[key]), torch.tensor(value), rtol=1e-4, atol=2e-5
            )


@pytest.mark.parametrize("processes", [(2, 3), (3, 1)])
@pytest.mark.parametrize("name", ["teacher and queue", "sharded", "sources"])
def test_a_run_is_resumed_on_another_number_of_processes(tmp_path, processes, name):
    before, after = processes
    settings = RUNS[name] | {"checkpoint_every": 4}
    (one,) = distributed.run(1, part, str(tmp_path / "one"), settings)
    distributed.run(before, killed_part, str(tmp_path / "killed"), settings, 7)
    resumed = distributed.run(after, part, str(tmp_path / "killed"), settings | {"resume": True})[0]
    for key, value in one.items():
        torch.testing.assert_close(
            torch.tensor(resumed[key]), torch.tensor(value), rtol=1e-4, atol=2e-5
        )


def refused_part(out):
    """What a process is told where another training is at work."""
    from dipole.errors import RunError

    try:
        part(out, {})
    except RunError as error:
        return str(error)
    raise AssertionError("not refused")


def test_every_process_learns_that_another_training_is_at_work(tmp_path):
    with Lock(tmp_path / "run" / LOCK, "run"):
        told = distributed.run(2, refused_part, str(tmp_path / "run"))
    assert told[0] == told[1]
    assert f"run: another training is at work (process {os.getpid()} on" in told[0]


def test_every_process_learns_of_a_damaged_checkpoint(tmp_path):
    settings = RUNS["sharded"] | {"checkpoint_every": 3}
    (one,) = distributed.run(1, part, str(tmp_path / "one"), settings)
    distributed.run(2, killed_part, str(tmp_path / "killed"), settings, 7)
    newest = tmp_path / "killed" / "checkpoints" / "step-000000006" / "state.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed = distributed.run(2, part, str(tmp_path / "killed"), settings | {"resume": True})[0]
    for key, value in one.items():
        torch.testing.assert_close(
            torch.tensor(resumed[key]), torch.tensor(value), rtol=1e-4, atol=2e-5
        )
