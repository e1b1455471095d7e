"""Settings that the tower and the data know, where nobody gave them."""

import pytest

from dipole.data import Labeled
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.training.fit import fit
from dipole.training.known import completed, known_settings

DATA = Labeled.from_columns(
    {"input": ["a dog", "a cat", "a fox", "a cow"] * 3, "label": ["x", "y", "x", "x"] * 3}
)


def test_dimension_and_counts():
    encoder = StaticText.from_texts(["a dog"], ["a cat"], dim=8)
    found = known_settings(encoder, DATA)
    assert found["dim"] == 8
    assert found["classes"] == 2
    assert sorted(found["counts"]) == [3, 9]


def test_what_was_given_stays_and_what_is_left_to_none_too():
    known = {"dim": 8, "counts": [1.0, 2.0]}
    assert completed("dse", {"dim": 4}, known) == {"dim": 4}
    assert completed("whitenedcse", {}, known) == {}
    assert completed("whitenedcse", {"dim": "data"}, known) == {"dim": 8}
    assert completed("gml + logit-adjusted", {"gml.counts": "data"}, known) == {
        "gml.counts": [1.0, 2.0], "logit-adjusted.counts": [1.0, 2.0], "logit-adjusted.dim": 8,
    }  # fmt: skip


def test_classes_by_name_train(tmp_path):
    run = fit(
        DATA, None, "logit-adjusted", out=tmp_path / "run", parts=["classes"], batch_size=6,
        max_steps=2, encoder_options={"dim": 8, "buckets": 64}, show_progress=False,
    )  # fmt: skip
    assert run.result["step"] == 2


def test_classes_by_name_without_the_part_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"labels: found .* expected 0 to 1"):
        fit(
            DATA, None, "logit-adjusted", out=tmp_path / "run", batch_size=6, max_steps=2,
            encoder_options={"dim": 8, "buckets": 64}, show_progress=False,
        )  # fmt: skip
