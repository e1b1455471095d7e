"""What all tests share."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

# Before anything imports a library that looks at them: no test asks a hub or a user's cache.
os.environ["HF_HUB_OFFLINE"] = "1"
# Nor does one start from the pretrained model that this machine may have.
os.environ["DIPOLE_PRETRAINED"] = "none"
os.environ["DIPOLE_CACHE"] = tempfile.mkdtemp(prefix="dipole-cache-")
atexit.register(shutil.rmtree, os.environ["DIPOLE_CACHE"], ignore_errors=True)
# A killed process loses nothing that it wrote; a disk that loses its power is no part of any test,
# and some take longer over each of these calls than a test takes.
os.fsync = lambda fd: None
# On a shared machine one slow example says nothing.
hypothesis.settings.register_profile("dipole", deadline=None)
hypothesis.settings.load_profile("dipole")

# `from support.battery import Battery` works from every test file.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("support.battery")


@pytest.fixture(autouse=True)
def _empty_working_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test finds, or leaves, anything where it happens to be run."""
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
