from __future__ import annotations

import subprocess
import sys

import pytest

import dipole.data


def test_importing_loads_no_arrow_and_no_torch() -> None:
    code = (
        "import sys, dipole.data\n"
        "assert not {'pyarrow', 'torch', 'datasets', 'numpy'} & set(sys.modules), sys.modules\n"
        "from dipole.data import Pairs, load_pairs, data_sets\n"
        "assert not {'pyarrow', 'torch', 'datasets'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there_and_no_other() -> None:
    assert set(dir(dipole.data)) == set(dipole.data._NAMES) == set(dipole.data.__all__)
    for name in dipole.data.__all__:
        assert getattr(dipole.data, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'load_pears'"):
        dipole.data.load_pears  # noqa: B018
