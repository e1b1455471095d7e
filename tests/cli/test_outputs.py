import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.cli.outputs import (
    check_file,
    check_new_file,
    check_new_folder,
    check_not_data,
    check_place,
    write_all,
)
from dipole.errors import InputError


def test_where_a_file_may_be_written(tmp_path):
    check_file("--out", tmp_path / "new.txt")
    (tmp_path / "there.txt").write_text("")
    check_file("--out", tmp_path / "there.txt")
    for path, match in (
        (tmp_path / "none" / "x", "--out .*none/x: no folder .*none; expected one that exists"),
        (tmp_path / "there.txt" / "x", "no folder .*there.txt; expected one that exists"),
        (tmp_path, "is a folder; expected a file"),
    ):
        with pytest.raises(InputError, match=match):
            check_file("--out", path)


def test_where_a_folder_may_be_made(tmp_path):
    check_place("--out", tmp_path)
    check_place("--out", tmp_path / "a" / "b" / "c")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--out .*file: is a file; expected a folder"):
        check_place("--out", tmp_path / "file")
    with pytest.raises(InputError, match="file is a file; expected a folder"):
        check_place("--out", tmp_path / "file" / "a" / "b")


def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot be written to; expected a folder that can"):
        check_file("--out", tmp_path / "x")
    with pytest.raises(InputError, match="cannot be written to; expected a folder that can"):
        check_place("--out", tmp_path / "x" / "y")


def test_all_files_or_none(tmp_path):
    def broken(path):
        path.write_text("half")
        raise InputError("no more")

    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("before")
    with pytest.raises(InputError, match="no more"):
        write_all([(one, lambda path: path.write_text("new")), (two, broken)])
    assert one.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]
    write_all([(one, lambda path: path.write_text("new")), (two, lambda p: p.write_text("2"))])
    assert (one.read_text(), two.read_text()) == ("new", "2")


@pytest.mark.parametrize(
    "command",
    [
        ["compare", "--data", "nothing.csv", "--out"],
        ["tune", "--data", "nothing.csv", "--out"],
        ["prove", "nothing", "--out"],
        ["prove", "nothing", "--out", "new", "--cache"],
        ["demo", "--out"],
        ["merge", "nothing", "nothing", "--out"],
    ],
)
def test_every_command_asks_before_its_work(tmp_path, monkeypatch, command):
    """Where nothing can be made it is refused at once, whatever else is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/x: file is a file; expected a folder"):
        CliRunner().invoke(app, [*command, "file/x"], catch_exceptions=False)


def test_a_table_of_systems_needs_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a folder; expected a file"):
        CliRunner().invoke(app, ["systems", "--out", str(tmp_path)], catch_exceptions=False)


def test_a_new_folder_has_a_name_and_nothing_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("new", "a/b"):
        check_new_folder("--out", Path(name))
    Path("empty").mkdir()
    check_new_folder("--out", Path("empty"))
    Path("full/x").mkdir(parents=True)
    Path("file").write_text("")
    for name in ("", "full", "file"):
        with pytest.raises(InputError, match="exists; expected a new folder"):
            check_new_folder("--out", Path(name))


def test_what_is_there_is_neither_replaced_nor_read(tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("text\n")
    with pytest.raises(InputError, match=r"--out .*there.csv: exists; expected the name of a new"):
        check_new_file("--out", there)
    check_new_file("--out", tmp_path / "new.csv")
    with pytest.raises(InputError, match=r"--out .*there.csv: is the data; expected another file"):
        check_not_data("--out", there, str(there))
    check_not_data("--out", there, "digits")
