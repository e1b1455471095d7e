"""What each stage of G-SimCLR does."""

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Inputs
from dipole.errors import InputError
from dipole.systems.vision.g_simclr import HERE, RECIPE, Denoise
from dipole.training.loop import Trainer


@pytest.fixture
def images():
    """Six dark images and six bright ones, 8 x 8."""
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 100, (8, 8)) + 150 * (i % 2) for i in range(12)]
    return Inputs.from_columns({"input": np.stack(pixels).astype(np.uint8)})


def fit(images, out, **settings):
    given = {"encoder_options": {"widths": [8], "head": 4}, "batch_size": 4, "epochs": 1.0}
    return dipole.fit(
        images, recipe=RECIPE, out=out, show_progress=False, **given | settings
    ).encoder  # fmt: skip


def test_the_pseudo_classes_are_those_of_the_autoencoder(images, tmp_path, monkeypatch):
    found, batches = {}, []
    step = Trainer._step

    def told(trainer, batch):
        batches.append(batch.tensors["rows"])
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "_step", told)
    for name, noise in (("some", 0.1), ("much", 2.0)):
        first = {"step": {f"{HERE}:Denoise": {"noise": noise}}, "view": ["same"]}
        stages = [first, RECIPE.settings["stages"][1]]
        fit(images, tmp_path / name, stages=stages, max_steps=20)
        coder = tmp_path / name / "stages" / "1" / "model"
        found[name] = dipole.encoders.load_encoder(coder).weights()["layers.0.weight"]
        groups = np.load(tmp_path / name / "stages" / "2" / "sampler.npy")
        second = [rows.numpy() for rows in batches[20:40]]
        assert all(len(set(groups[rows])) == len(rows) for rows in second)
        batches.clear()
    assert not found["some"].equal(found["much"])


def test_the_second_stage_starts_afresh(images, tmp_path):
    """With the same batches the autoencoder leaves no trace in the weights."""
    second = {"fresh": True, "sampler": "unique"}
    stages = [RECIPE.settings["stages"][0], second]
    after = fit(images, tmp_path / "after", stages=stages).weights()
    alone = fit(images, tmp_path / "alone", stages=[]).weights()
    assert all(after[name].equal(alone[name]) for name in alone)


def test_pieces_change_nothing(images, tmp_path):
    stages = [RECIPE.settings["stages"][0]]
    whole = fit(images, tmp_path / "whole", stages=stages).weights()
    pieces = fit(images, tmp_path / "pieces", stages=stages, chunk=3).weights()
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value)


def test_texts_are_refused(tmp_path):
    texts = Inputs.from_columns({"input": ["one", "two", "three"]})
    with pytest.raises(InputError, match="denoise: found StaticText; expected an encoder of im"):
        dipole.fit(
            texts, "static", step=Denoise(), out=tmp_path / "run", show_progress=False,
            encoder_options={"dim": 4},
        )  # fmt: skip
