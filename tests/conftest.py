"""What all tests share."""

import sys
from pathlib import Path

import pytest

# `from support.battery import Battery` works from every test file.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("support.battery")
