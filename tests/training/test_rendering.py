"""Views become columns by their number; the size of a piece changes none of them."""

import numpy as np
import pytest
import torch

from dipole.data import Pairs
from dipole.errors import InputError
from dipole.kernels.draws import RowGenerator
from dipole.training.rendering import cut, prepare_views, render, view_name
from dipole.views.base import Same, View


class Noise(View):
    """Adds noise to the features."""

    def forward(self, features):
        return {"x": features["x"] + torch.randn_like(features["x"])}


class Crops(View):
    """Two crops of different widths."""

    count = 2

    def forward(self, features):
        return [{"x": features["x"][:, :1]}, {"x": features["x"][:, :2]}]


class Shout(View):
    """Puts a random digit behind each text."""

    on = "inputs"

    def forward(self, inputs, generator):
        return [f"{text}{generator.integers(10)}" for text in inputs]


class Lengths:
    """The length of a text, three times."""

    def __init__(self):
        self.calls = 0

    def prepare(self, inputs, role="document"):
        self.calls += 1
        return {"x": torch.tensor([[float(len(text))] * 3 for text in inputs])}

    def keyed(self, features, keys):
        return features


def drawn(views, chunk, texts=("a", "bb", "ccc")):
    torch.manual_seed(0)
    columns = prepare_views(Lengths(), list(texts), views, chunk=chunk, seed=(0, 1))
    return render(columns, views, chunk)


def test_names():
    assert [view_name(i) for i in range(4)] == ["anchor", "positive", "view_2", "view_3"]


def test_views_of_features_do_not_depend_on_the_size_of_a_piece():
    whole, pieces = (drawn([Noise(), Noise()], chunk) for chunk in (None, 2))
    assert [len(pieces[name]) for name in ("anchor", "positive")] == [2, 2]
    for name in whole:
        assert torch.equal(torch.cat([f["x"] for f in pieces[name]]), whole[name][0]["x"])
    assert not torch.equal(whole["anchor"][0]["x"], whole["positive"][0]["x"])


def test_inputs_are_prepared_once_for_all_views_of_features():
    encoder = Lengths()
    prepare_views(encoder, ["a", "b"], [Noise()] * 5, chunk=None, seed=(0,))
    assert encoder.calls == 1


def test_a_view_may_give_several():
    columns = drawn([Noise(), Crops(), Noise()], None)
    assert list(columns) == ["anchor", "positive", "view_2", "view_3"]
    assert [columns[name][0]["x"].shape[1] for name in columns] == [3, 1, 2, 3]


def test_views_of_inputs_draw_from_seed_and_number():
    seen = []

    class Recorder:
        def prepare(self, inputs, role="document"):
            seen.append(inputs)
            return {}

        def keyed(self, features, keys):
            return features

    for _ in range(2):
        prepare_views(Recorder(), ["a"] * 8, [Shout(), Shout(), Same()], chunk=None, seed=(3, 7))
    assert seen[:3] == seen[3:]
    assert seen[0] != seen[1]
    assert seen[2] == ["a"] * 8
    digits = RowGenerator((3, 7, 1)).integers(10, size=8)
    assert [text[1] for text in seen[1]] == [str(d) for d in digits]


def test_features_that_cannot_be_cut_are_named():
    with pytest.raises(InputError, match="tokens 5, offsets 3"):
        cut({"tokens": torch.zeros(5), "offsets": torch.zeros(3)}, 2)


def test_views_of_both_sides_of_pairs():
    """Those of anchors first, each side in its role; views of features see a tower's own names."""
    from dipole.encoders import NamedTowers
    from dipole.training.batches import collate
    from dipole.training.build import build_views
    from dipole.training.config import make_config

    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
    texts = [f"one two three {i}" for i in range(4)]
    pairs = Pairs.from_columns({"anchor": images, "positive": texts})
    options = {"text_options": {"buckets": 64}, "image_options": {"widths": [4]}}
    towers = NamedTowers.from_columns({"query": list(images), "document": texts}, options)
    names = ["positive=same", "positive=word-deletion", "anchor=weak*2"]
    views = build_views(make_config(data="x", view=names), pairs, {"views": True})
    assert [view.of_side for view in views] == ["anchor", "anchor", "positive", "positive"]
    batch = collate(pairs, np.arange(4), towers, views=views)
    columns = render(batch.columns, views, None)
    assert list(columns) == ["anchor", "positive", "view_2", "view_3"]
    assert [next(iter(pieces[0])) for pieces in columns.values()] == [
        "image.image", "image.image", "text.tokens", "text.tokens",
    ]  # fmt: skip
    plain = towers.prepare(list(images))["image.image"]
    assert not torch.equal(columns["anchor"][0]["image.image"], plain)
    assert {"ids", "rows"} <= batch.tensors.keys()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["anchor=weak"], "found none of the positives"),
        (
            ["image=weak", "positive=same"],
            "found 'image=weak'; expected anchor=VIEW or positive=VIEW",
        ),
        (["anchor=multi-crop", "positive=same"], "several renderings in one for anchor"),
        (["anchor=wek", "positive=same"], "did you mean 'weak'"),
    ],
)
def test_wrong_views_of_sides_are_said(names, message):
    from dipole.training.build import build_views
    from dipole.training.config import make_config

    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    with pytest.raises(InputError, match=message):
        build_views(make_config(data="x", view=names), pairs, {"views": True})
