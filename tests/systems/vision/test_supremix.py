"""SupReMix trains on labels that are numbers; its mixtures, weights and units take part."""

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Inputs, Labeled
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.systems.vision.supremix import RECIPE, Direct, PixelNoise, Standardised
from dipole.training.batches import collate
from dipole.training.build import build_objective, build_parts
from dipole.training.config import make_config

TEXTS = [f"{a} {b}" for a in ("open", "sort", "close") for b in ("it", "all", "one", "now")]
NUMBERS = [0.1 * i * i for i in range(12)]
AGED = Labeled.from_columns({"input": TEXTS, "label": NUMBERS})


def test_numbers_are_in_deviations_of_the_training_set():
    part = Standardised()
    config = make_config(data="x", **RECIPE.settings)
    (part,) = build_parts(config, StaticText.from_texts(TEXTS, TEXTS, dim=4), AGED,
                          build_objective(config))  # fmt: skip
    found = part.before({"numbers": torch.tensor(NUMBERS)})["numbers"]
    assert float(found.mean()) == pytest.approx(0, abs=1e-6)
    assert float(found.std(correction=0)) == pytest.approx(1, rel=1e-5)


def test_numbers_in_words_are_read_and_others_refused(tmp_path):
    written = Labeled.from_columns({"input": TEXTS, "label": [f"{x:.2f}" for x in NUMBERS]})
    made = collate(written, np.arange(3), StaticText.from_texts(TEXTS, TEXTS, dim=4))
    assert made.tensors["numbers"].tolist() == pytest.approx([0, 0.1, 0.4])
    named = Labeled.from_columns({"input": TEXTS, "label": [*"abcdefabcdef"]})
    with pytest.raises(InputError, match=r"data: found labelled .*; wanted numbered"):
        dipole.fit(named, out=tmp_path / "a", recipe=RECIPE)
    with pytest.raises(InputError, match=r"supremix\(scores=numbers\) needs labels that are num"):
        dipole.fit(named, out=tmp_path / "b", recipe=RECIPE | {"wants": []})
    alone = Inputs.from_columns({"input": TEXTS})
    with pytest.raises(InputError, match="needs labels that are numbers"):
        dipole.fit(alone, out=tmp_path / "c", recipe=RECIPE | {"wants": []})
    same = Labeled.from_columns({"input": TEXTS, "label": [2.0] * 12})
    with pytest.raises(InputError, match="label: found one number for all"):
        dipole.fit(same, out=tmp_path / "d", recipe=RECIPE)


def test_the_baseline_and_the_view_of_the_claim():
    objective = Direct(dim=3)
    views, numbers = torch.randn(2, 4, 3), torch.randn(4)
    w, b = objective.head.weight[0], objective.head.bias
    expected = ((10 * views) @ w + b - numbers).abs().mean()
    torch.testing.assert_close(objective(views, numbers), expected)
    image = torch.zeros(2, 1, 30, 30)
    assert PixelNoise(0.5)({"image": image})["image"].std().item() == pytest.approx(0.5, rel=0.1)
