"""Optional packages that are missing are named with the extra that installs them."""

import pytest

from dipole.errors import DipoleError, optional


def test_a_missing_package_names_the_extra():
    with pytest.raises(DipoleError, match=r"no_such_package is not installed.*dipole\[search\]"):
        optional("no_such_package.part", "search")


def test_a_package_that_is_there_is_imported():
    assert optional("json.decoder", "text").JSONDecoder


def test_an_error_inside_a_package_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import something_else_missing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_else_missing"):
        optional("broken_package", "text")
