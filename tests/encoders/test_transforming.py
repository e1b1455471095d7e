"""Encoders as steps of scikit-learn."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from dipole.encoders import ConvImage, StaticText, TransformerText, fingerprint
from dipole.errors import InputError

sklearn = pytest.importorskip("sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline, make_union  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

VERBS = ("see", "wash", "find", "love", "want", "keep", "sell", "draw", "seek", "miss")
TEXTS = [f"{verb} the {noun}" for noun in ("kitten", "lorry") for verb in VERBS]
LABELS = [0] * 10 + [1] * 10


@pytest.fixture
def encoder() -> StaticText:
    torch.manual_seed(0)
    return StaticText.from_texts(TEXTS, TEXTS, dim=64)


def test_a_pipeline_learns_classes_from_texts(encoder: StaticText) -> None:
    model = make_pipeline(encoder, LogisticRegression()).fit(TEXTS, LABELS)
    assert model.score(TEXTS, LABELS) == 1.0
    assert model.predict(["paint a kitten", "drive a lorry"]).tolist() == [0, 1]
    check_is_fitted(model)
    check_is_fitted(encoder)
    assert "StaticText" in repr(model)
    assert (encoder.transform(TEXTS) == encoder.encode(TEXTS)).all()
    assert (encoder.fit(TEXTS, LABELS).fit_transform(TEXTS) == encoder.encode(TEXTS)).all()


def test_cross_validation_and_a_search(encoder: StaticText) -> None:
    model = make_pipeline(encoder, LogisticRegression())
    assert cross_val_score(model, TEXTS, LABELS, cv=2).mean() > 0.9
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 10.0]}, cv=2)
    assert search.fit(np.array(TEXTS, dtype=object), LABELS).best_score_ > 0.9


def test_a_clone_has_the_weights_and_is_another(encoder: StaticText) -> None:
    made = clone(encoder)
    assert made is not encoder
    assert fingerprint(made) == fingerprint(encoder)
    before = encoder.encode(TEXTS)
    with torch.no_grad():
        encoder.vectors.zero_()
    assert (made.encode(TEXTS) == before).all()
    step = clone(make_pipeline(made, LogisticRegression())).steps[0][1]
    assert (step.encode(TEXTS) == before).all()


def test_transformers_and_images(tiny: Path, sentences: list[str]) -> None:
    text = TransformerText.load(tiny)
    found = clone(text).transform(sentences)
    np.testing.assert_allclose(found, text.encode(sentences), atol=1e-6)
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    tower = ConvImage.from_images(images, widths=[4, 8])
    model = make_pipeline(tower, LogisticRegression()).fit(images, [0, 1] * 3)
    assert model.predict(images).shape == (6,)


def test_names_of_features(encoder: StaticText) -> None:
    names = encoder.get_feature_names_out()
    assert len(names) == 64
    assert names[:2].tolist() == ["statictext0", "statictext1"]
    union = make_union(encoder, clone(encoder)).fit(TEXTS)
    assert union.get_feature_names_out()[-1] == "statictext-2__statictext63"
    assert union.transform(TEXTS).shape == (20, 128)


def test_nothing_can_be_set(encoder: StaticText) -> None:
    assert encoder.get_params() == {}
    assert encoder.set_params() is encoder
    with pytest.raises(InputError, match="StaticText: found dim to set; expected nothing"):
        encoder.set_params(dim=3)


def test_copies_and_other_processes(encoder: StaticText) -> None:
    for made in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert (made.encode(TEXTS) == encoder.encode(TEXTS)).all()
