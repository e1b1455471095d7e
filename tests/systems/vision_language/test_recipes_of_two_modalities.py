"""Every part and term that a recipe names does something: without it other weights come out."""

import numpy as np
import pytest
import torch

import dipole
from dipole.errors import InputError
from dipole.systems.vision_language.degla import OwnNegatives
from dipole.systems.vision_language.zerovl import CoinMixup, halves
from dipole.training.recipe import read_recipe
from support import kinds

TEXT = {"text_options": {"buckets": 64, "dim": 8}}
STATIC = {"buckets": 64, "dim": 8}
VIT = {"image": "vit", "image_options": {"dim": 8, "depth": 1, "cropped_positions": True}} | TEXT
DEGLA = "dipole.systems.vision_language.degla:OwnNegatives"
# System, kind of data, and what is taken away, each in turn.
CASES = {
    "lit": ("image-text", TEXT, [{"locked": []}, {"objective_options": {}}]),
    "cwcl": ("image-text", TEXT, [{"objective": "infonce"}, {"objective_options": {}}]),
    "siglip": (
        "image-text",
        TEXT,
        [{"objective_options": {"bias": 0.0}}, {"objective_options": {"learn": False}}],
    ),
    "diht": (
        "image-text",
        TEXT,
        [{"objective_options": {"beta": 0.0}}, {"objective_options": {"alpha": 0.0}}],
    ),
    "zerovl": ("pairs", STATIC, [{"parts": []}, {"sampler": "unique"}, {"temperature": 0.05}]),
    "gram": (
        "modalities",
        TEXT,
        [
            {"objective_options": {"label_smoothing": 0.0}},
            {"objective_options": {"learn_temperature": False}},
        ],
    ),
    "clrcmd": ("triplets", STATIC, [{"objective": "late-interaction"}, {"temperature": 0.5}]),
    "sparc": (
        "image-text",
        TEXT | {"image": "vit", "image_options": {"dim": 8, "depth": 1}},
        [{"objective_options": {"coarse": 0.0}}, {"objective_options": {"fine": 0.0}}],
    ),
    "degla": (
        "triplets",
        STATIC,
        [
            {"objective_options": {"local": 0.0}},
            {"objective_options": {"distil": 0.0}},
            {"parts": [{"teacher": {"decay": 0.0}}, {DEGLA: {}}]},
        ],
    ),
    "clip-rocket": (
        "image-text",
        TEXT,
        [
            {"parts": []},
            {"view": ["anchor=weak", "positive=same"]},
            {"view": ["anchor=weak*3", "positive=same", "positive=word-deletion*2"]},
            {"view": ["anchor=weak", "anchor=strong*2", "positive=same*3"]},
            {"objective_options": {"label_smoothing": 0.0}},
            {"objective_options": {"strong_temperature": 0.5}},
        ],
    ),
    "gcl-marqo": ("graded", STATIC, [{"objective_options": {"weight_of": "constant"}}]),
    "ro-vit": (
        "image-text",
        VIT,
        [
            {"encoder_options": VIT | {"image_options": {"dim": 8, "depth": 1}}},
            {"objective_options": {"gamma": 0.0}},
        ],
    ),
}


def trained(folder, data, more, **settings):
    settings |= {"max_steps": 3, "batch_size": 8, "learning_rate": 1e-2, "warmup": 0}
    run = dipole.fit(
        data, out=folder, sources=more, clip_norm=None, show_progress=False, **settings
    )
    return torch.cat([x.flatten().float() for x in run.encoder.weights().values()])


@pytest.mark.parametrize("name", list(CASES))
def test_what_a_recipe_names_is_there(name, tmp_path):
    kind, options, differences = CASES[name]
    data, more = kinds.write(kind, tmp_path), []
    if name == "zerovl":
        (tmp_path / "more").mkdir()
        more = [str(kinds.write(kind, tmp_path / "more"))]
    recipe = read_recipe(name) | {"encoder_options": options}
    whole = trained(tmp_path / "whole", data, more, **recipe)
    again = trained(tmp_path / "again", data, more, **recipe)
    assert torch.equal(whole, again)
    for number, less in enumerate(differences):
        other = trained(tmp_path / str(number), data, more, **(recipe | less))
        assert not torch.equal(whole, other), less


def test_a_locked_tower_stays_and_a_fresh_one_is_said(tmp_path, capsys):
    data = kinds.write("image-text", tmp_path)
    start, end = (
        dipole.fit(
            data, recipe=read_recipe_of("lit", tmp_path), out=tmp_path / str(steps),
            encoder_options=TEXT, max_steps=steps, batch_size=8, learning_rate=1e-2,
        ).encoder
        for steps in (1, 3)
    )  # fmt: skip
    for name, value in start.image.state_dict().items():
        assert torch.equal(value, end.image.state_dict()[name])
    assert not torch.equal(start.text.vectors, end.text.vectors)
    assert "the tower 'image' was made from scratch" in capsys.readouterr().err


def read_recipe_of(name, folder):
    path = folder / f"{name}.yaml"
    path.write_text(dipole.systems.system(name).recipe.yaml())
    return path


def test_degla_needs_its_teacher(tmp_path):
    with pytest.raises(InputError, match="needs a teacher's vectors"):
        trained(
            tmp_path / "x", kinds.write("triplets", tmp_path), [],
            **(read_recipe("degla") | {"parts": [{DEGLA: {}}], "encoder_options": STATIC}),
        )  # fmt: skip


def test_own_negatives_are_a_rows_own():
    negative = torch.arange(10.0).view(5, 2)
    batch = {
        "rows": torch.tensor([7, 3, 4]),
        "negative": negative,
        "teacher_negative": -negative,
        "negative_rows": torch.tensor([7, 7, 4, 4, 4]),
    }
    found = OwnNegatives().before(batch)
    assert found["mask"].tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert found["candidates"][0, :2].tolist() == negative[:2].tolist()
    assert found["candidates"][2].tolist() == negative[2:].tolist()
    assert torch.equal(found["teacher_candidates"], -found["candidates"])


class Pixels(torch.nn.Module):
    """An encoder whose vectors are its pixels."""

    def forward(self, features):
        return features["image"].flatten(1)


@pytest.mark.parametrize("both", [False, True])
def test_the_coin_mixes_one_side_and_says_whose_it_is(both):
    part = CoinMixup(concentration=0.5, both=both)
    part._encoder, part.seed = [Pixels()], 0
    image = torch.rand(6, 1, 2, 2)
    text = torch.rand(6, 4)
    sides = set()
    for _ in range(20):
        columns = {"anchor": [{"image": image}], "positive": [{"x": text}]}
        batch = {"anchor": image.flatten(1), "positive": text} | part.encode(columns)
        found = part.before(batch)
        relation = found["relation"]
        torch.testing.assert_close(relation.sum(1), torch.ones(6))
        moved = {
            "anchor": not torch.allclose(found["anchor"], image.flatten(1)),
            "positive": not torch.allclose(found["positive"], text),
        }
        if not both and any(moved.values()):
            assert sum(moved.values()) == 1
            side = "anchor" if moved["anchor"] else "positive"
            sides.add(side)
            plain = image.flatten(1) if side == "anchor" else text
            torch.testing.assert_close(found[side], relation @ plain)
        part.after_step()
    assert both or sides == {"anchor", "positive"}


def test_halves_are_those_of_one_image():
    pairs = halves("train", 0, True)
    assert np.asarray(pairs[0]["anchor"]).shape == np.asarray(pairs[0]["positive"]).shape
