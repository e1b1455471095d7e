"""Recipes of images and texts: locked towers, own negatives, the coin that mixes a side."""

import pytest
import torch

import dipole
from dipole.errors import InputError
from dipole.systems.vision_language.degla import OwnNegatives
from dipole.systems.vision_language.zerovl import CoinMixup
from dipole.training.recipe import read_recipe
from support import kinds

TEXT = {"text_options": {"buckets": 64, "dim": 8}}
STATIC = {"buckets": 64, "dim": 8}
DEGLA = "dipole.systems.vision_language.degla:OwnNegatives"


def trained(folder, data, more, **settings):
    settings |= {"max_steps": 3, "batch_size": 8, "learning_rate": 1e-2, "warmup": 0}
    run = dipole.fit(
        data, out=folder, sources=more, clip_norm=None, show_progress=False, **settings
    )
    return torch.cat([x.flatten().float() for x in run.encoder.weights().values()])


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
