from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from dipole.encoders import load_encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError


def test_a_hugging_face_folder_is_a_transformer(tiny: Path) -> None:
    encoder = load_encoder(tiny)
    assert isinstance(encoder, TransformerText)
    assert (encoder.pooling, encoder.dim) == ("mean", 32)


def test_a_run_is_its_model(tmp_path: Path, tiny: Path) -> None:
    TransformerText.load(tiny, pooling="cls").save(tmp_path / "model")
    encoder = load_encoder(tmp_path)
    assert isinstance(encoder, TransformerText)
    assert encoder.pooling == "cls"


class StaticStub:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def to(self, device: object) -> StaticStub:
        self.device = str(device)
        return self


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"encoder": "StaticText"}),
        ("modules.json", [{"type": "sentence_transformers.models.StaticEmbedding"}]),
    ],
)
def test_static_text_is_known_by_its_json(
    tmp_path: Path, name: str, content: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(json.dumps(content))
    module = ModuleType("dipole.encoders.static_text")
    module.StaticText = SimpleNamespace(load=StaticStub)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dipole.encoders.static_text", module)
    found = load_encoder(tmp_path)
    assert isinstance(found, StaticStub)
    assert (found.folder, found.device) == (tmp_path, "cpu")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"encoder": "Holographic"}, "encoder 'Holographic'"),
        ({"hello": 1}, "neither encoder nor model_type"),
        ([], "neither encoder nor model_type"),
    ],
)
def test_any_other_config_is_refused(tmp_path: Path, content: object, found: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"config\.json: found {found}; expected"):
        load_encoder(tmp_path)


def test_loading_costs_no_transformers_before_a_transformer_is_loaded() -> None:
    import subprocess

    code = "import sys, dipole.encoders.loading as l; print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
