"""A tiny model whose vectors can be worked out by hand, and documents for it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _helper() -> ModuleType:
    # The same file is run by subprocesses, so it is a file and no fixture.
    name = "dipole_tests_words"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("words.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def words() -> ModuleType:
    return _helper()


@pytest.fixture(autouse=True)
def _words_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dipole.encoders.loading.load_encoder", _helper().Words.load)
