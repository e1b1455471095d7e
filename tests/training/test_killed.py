"""Every kind of training: killed in the middle of a step and gone on with, the same bits."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dipole.data import Inputs
from dipole.training.fit import fit
from dipole.training.loop import Trainer
from support.tiny import word_pairs
from support.tiny_bert import save_tiny_bert

WORDS = word_pairs(24)
SMALL = {"dim": 16, "buckets": 64}
# What is trained, as settings of `fit`: on pairs of words or, with views, on words or images.
KINDS = {
    "static": {"encoder_options": SMALL},
    "two towers": {
        "encoder": "two-towers",
        "encoder_options": {"query_options": SMALL, "document_options": {"dim": 8}, "dim": 8},
    },
    "transformer": {"encoder": "bert"},
    "LoRA": {"encoder": "bert", "adapter": "lora", "adapter_options": {"rank": 2}},
    "prompt": {"encoder": "bert", "adapter": "prompt", "adapter_options": {"length": 2}},
    "transformer in bf16, cached": {"encoder": "bert", "precision": "bf16", "chunk": 3},
    "sharded": {"encoder": "bert", "sharded": True},
    "swav": {
        "encoder": "conv",
        "objective": "swav",
        "objective_options": {"prototypes": 5, "dim": 8},
        "encoder_options": {"widths": [4, 8], "head": 8},
        "view": ["simclr"],
        "parts": ["queue:size=16"],
    },
    "classes": {"encoder_options": SMALL, "sampler": "clusters", "validation": 0.25},
    "state of every example": {"encoder_options": SMALL, "objective": "isogclr"},
    "teacher and queue": {"encoder": "bert", "parts": ["teacher", "queue:size=12"]},
    "dropout is the view": {"encoder": "bert", "view": ["same"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("bert"), list(WORDS.column("anchor")))


def examples_of(kind):
    if kind == "swav":
        images = np.random.default_rng(0).integers(0, 256, (24, 3, 16, 16), dtype=np.uint8)
        return Inputs.from_columns({"input": images})
    if kind == "dropout is the view":
        return Inputs.from_columns({"input": list(WORDS.column("anchor"))})
    return WORDS


@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_a_step_it_ends_the_same(kind, bert, tmp_path, monkeypatch):
    settings = KINDS[kind]
    if settings.get("encoder") == "bert":
        settings = settings | {"encoder": str(bert)}

    def train(name, **more):
        return fit(
            examples_of(kind), out=tmp_path / name, batch_size=8, max_steps=5, checkpoint_every=2,
            learning_rate=1e-2, log_every=1, show_progress=False, **settings, **more,
        )  # fmt: skip

    whole = train("whole")
    step = Trainer._step

    def killed(trainer, batch):
        if trainer.progress.step == 3:
            raise KeyboardInterrupt
        return step(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", killed)
        with pytest.raises(KeyboardInterrupt):
            train("killed")
    assert (tmp_path / "killed" / "checkpoints" / "step-000000002").is_dir()
    resumed = train("killed", resume=True)
    assert resumed.result["step"] == 5
    paths = sorted(
        p.relative_to(whole.folder) for p in whole.folder.rglob("model/**/*.safetensors")
    )
    assert paths
    for path in paths:
        expected, found = load_file(whole.folder / path), load_file(resumed.folder / path)
        assert expected.keys() == found.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected), path
