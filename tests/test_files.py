"""A file is the old one or the new one, whatever is killed or fails."""

import errno
import os

import pytest

from dipole.files import replaced, sweep, write_text


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, "first\n")
    with replaced(path) as new:
        assert (new.parent, new.suffix) == (path.parent, path.suffix)
        new.write_text("second")
        assert path.read_text() == "first\n"
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_what_fails_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.json"
    write_text(path, "first")

    def fail(*_):
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="no room"):
            write_text(path, "second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.txt").write_text("first")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "second")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "second"


def test_what_a_killed_writer_left_is_swept(tmp_path, monkeypatch):
    (tmp_path / ".hidden").write_text("stays")
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)  # it is dead
        patch.setattr(os, "replace", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_text(tmp_path / "a.json", "x")
    assert len(list(tmp_path.iterdir())) == 2
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hidden"]
