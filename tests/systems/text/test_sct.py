"""SCT: two banks, projections and temperatures; a large teacher may take part."""

import numpy as np
import pytest
import torch

from dipole.data import Inputs
from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.systems.text.sct import HERE, RECIPE, banks, distilled
from support.steps import gradient
from support.tiny import TinyEncoder

TEXTS = ["open a file and read it", "add two numbers", "sort rows by the first", "close the door"]
INPUTS = Inputs.from_columns({"input": TEXTS})
SMALL = banks(32, "anchor", "positive")
MAP = {f"{HERE}:Projections": {}}


def encoder():
    return StaticText.from_texts(TEXTS, TEXTS, dim=8, dropout=0.0)


def trained(**settings):
    """Gradient of the encoder after one batch has entered the banks, and the towers."""
    return gradient(RECIPE, INPUTS, encoder, **({"parts": [*SMALL, MAP]} | settings))


def test_projections_are_trained_and_shared_by_both_views():
    _, towers = trained()
    (student,) = (part for part in towers.parts if hasattr(part, "map"))
    assert all(p.grad is not None and p.grad.norm() > 0 for p in student.parameters())
    assert [type(x).__name__ for x in student.map] == ["Linear", "ReLU", "Linear"] * 3
    assert student.map[0].out_features == 80


class Wide(TinyEncoder):
    """A teacher of more dimensions than the student."""

    def encode(self, inputs, role="document", **_):
        rng = np.random.default_rng(len(inputs))
        return rng.normal(size=(len(inputs), 24)).astype(np.float32)


def test_into_a_larger_teacher_no_cosine_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path))
    teacher = Wide()
    teacher.dim = 24
    found, towers = trained(**distilled(teacher, size=16))
    assert found.norm() > 0
    (into,) = (part for part in towers.parts if hasattr(part, "map"))
    x = torch.randn(5, 8)
    assert into.map(x).shape == (5, 24)
    torch.testing.assert_close(into.map(x) @ into.map(x).T, x @ x.T, rtol=1e-4, atol=1e-5)
    banks = [part for part in towers.parts if part.name]
    assert [bank.vectors.shape for bank in banks] == [(16, 24)] * 2


def test_into_no_teacher():
    with pytest.raises(InputError, match="into teacher: found no teacher; expected a teacher at"):
        trained(parts=[*SMALL, {f"{HERE}:IntoTeacher": {}}])
