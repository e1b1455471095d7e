"""A view of one side of pairs: in its place, or beside it where somebody takes it."""

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Pairs
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.training.batches import collate
from dipole.training.build import build_objective, build_parts, build_side_views, build_views
from dipole.training.config import make_config
from dipole.training.examples import of_sides
from dipole.training.rendering import SideView, render
from dipole.training.towers import Towers, inputs_of
from dipole.views.base import View

ANCHORS = [f"open the {word} file" for word in ("red", "old", "big", "new")]
PAIRS = Pairs.from_columns({"anchor": ANCHORS, "positive": [f"{t} now" for t in ANCHORS]})
ENCODER = StaticText.from_texts(ANCHORS, ANCHORS, dim=8, dropout=0.0)


def sides(objective="infonce", parts=(), **settings):
    config = make_config(data="x", objective=objective, parts=list(parts), **settings)
    made = build_objective(config)
    assert build_views(config, PAIRS, inputs_of(made)) == []
    built = build_parts(config, ENCODER, PAIRS, made)
    return build_side_views(config, PAIRS, inputs_of(made), built), Towers(ENCODER, made, built)


def batch(found, rows=range(4), **more):
    return collate(PAIRS, np.array(rows), ENCODER, sides=found, seed=(0, 3), **more)


def test_nobody_takes_it_so_it_is_the_side():
    found, _ = sides(view=["anchor=word-deletion"], view_options={"rate": 0.9})
    assert [(one.side, one.column) for one in found] == [("anchor", "anchor")]
    plain, seen = batch([]), batch(found)
    assert plain.columns.keys() == seen.columns.keys()
    words = (
        [x.columns["anchor"][0]["tokens"].numel() for x in (plain, seen)]
        if "tokens" in plain.columns["anchor"][0]
        else None
    )
    assert words is None or words[1] < words[0]
    same = plain.columns["positive"][0]
    assert all(torch.equal(x, seen.columns["positive"][0][name]) for name, x in same.items())
    assert torch.equal(plain.tensors["ids"], seen.tensors["ids"])
    vectors = [ENCODER(x.columns["anchor"][0]) for x in (plain, seen)]
    assert not torch.allclose(*vectors)


def test_it_stands_beside_the_side_where_the_objective_takes_it():
    found, towers = sides("infonce(positive=positive_view)", view=["positive=word-shuffle"])
    assert [(one.side, one.column) for one in found] == [("positive", "positive_view")]
    made = batch(found)
    assert set(made.columns) == {"anchor", "positive", "positive_view"}
    assert "positive_view" in towers.vectors(made.columns, made.tensors)


def test_the_student_leaves_alone_what_only_a_teacher_takes():
    found, towers = sides(
        "infonce(positive=teacher_positive_view)", ["teacher"], view=["positive=word-deletion"]
    )
    made = batch(found)
    vectors = towers.vectors(made.columns, made.tensors)
    assert "positive_view" not in vectors
    assert not vectors["teacher_positive_view"].requires_grad
    assert "teacher_positive" not in vectors


def test_draws_belong_to_rows():
    found, _ = sides(view=["anchor=word-deletion", "positive=word-repetition"],
                     view_options={"anchor.rate": 0.5})  # fmt: skip
    whole = batch(found).columns
    last = batch(found, [2, 3], start=2, total=4).columns
    for name in ("anchor", "positive"):
        torch.testing.assert_close(ENCODER(whole[name][0])[2:], ENCODER(last[name][0]))


class Doubled(View):
    on = "features"

    def forward(self, features):
        return {name: 2 * x for name, x in features.items()}


def test_a_view_of_features_sees_them_without_the_towers_mark():
    features = {"query.image": torch.ones(4, 3)}
    side = SideView("anchor", "anchor_view", Doubled())
    found = render({"anchor_view": [features]}, [], 3, [side])["anchor_view"]
    assert [len(piece["query.image"]) for piece in found] == [3, 1]
    assert float(found[0]["query.image"][0, 0]) == 2


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (["anchor=word-deletion", "anchor=same"], "view: found two for the anchor; expected one"),
        (["same", "anchor=same"], "view: found same beside anchor=...; expected a side for each"),
        (["anchor=same*2"], r"view: found several for the anchor \(same\*2\); expected one"),
        (["anchor=multi-crop"], r"view: found several for the anchor \(multi-crop\)"),
        (["query=same"], "view: found 'query=same'; expected anchor=VIEW or positive=VIEW"),
        (["anchor=word-deletoin"], "did you mean 'word-deletion'"),
        (["same"], "view: found Pairs, whose positives are given; .*; or the view of a side, as a"),
    ],
)
def test_views_that_cannot_be(view, message):
    with pytest.raises(InputError, match=message):
        sides(view=view)


def test_sides_of_inputs_without_a_partner(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join(ANCHORS))
    with pytest.raises(InputError, match="view: found anchor=same for Inputs, which have no sides"):
        dipole.fit(path, out=tmp_path / "run", view=["anchor=same"], wants=["texts"])


def test_a_path_with_an_equals_sign_is_a_view():
    assert of_sides(["a=b.py:View"]) == ({}, ["a=b.py:View"])
