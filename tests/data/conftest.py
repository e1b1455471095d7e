"""Every test has its own place for data: nothing is read from or written to the user's folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for what is costly to make (stdlib-code)."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, shared_cache: Path) -> None:
    monkeypatch.setenv("DIPOLE_CACHE", str(shared_cache))
    monkeypatch.delenv("DIPOLE_DATA", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of a test: text, bytes, or rows as json lines."""

    def write(name: str, content: str | bytes | list[Any]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets` as it is with HF_HUB_OFFLINE=1, which it reads only when it is imported."""
    datasets = pytest.importorskip("datasets")

    def no_network(name: str, *_: Any) -> None:
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub\nfor some reason")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets, "load_dataset", no_network)
    return datasets
