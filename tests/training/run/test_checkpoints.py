"""A folder is whole or it is not there; a full disk loses nothing."""

import errno
import resource
import signal

import pytest
import torch
from safetensors.torch import save_file

from dipole.errors import RunError
from dipole.training.run.checkpoints import (
    list_checkpoints,
    load_checkpoint,
    newest_whole,
    recover_folder,
    save_checkpoint,
    write_folder,
)
from support.faults import every_death


@pytest.fixture
def small_disk():
    """No file may grow beyond 64 kB: the system itself refuses the write, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_the_newest_are_kept(tmp_path):
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, step, {"x": torch.tensor(step)}, keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000000002",
        "step-000000010",
    ]
    assert load_checkpoint(list_checkpoints(tmp_path)[-1])["x"] == 10


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path, small_disk):
    save_checkpoint(tmp_path, 1, {"x": torch.zeros(10)})
    with pytest.raises(RunError, match="the disk is full") as error:
        save_checkpoint(tmp_path, 2, {"x": torch.zeros(100_000)})
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
    assert torch.equal(load_checkpoint(tmp_path / "step-000000001")["x"], torch.zeros(10))


def test_a_full_disk_under_a_model_too(tmp_path, small_disk):
    with pytest.raises(RunError, match="the disk is full"):
        write_folder(
            tmp_path / "model",
            lambda folder: save_file({"x": torch.zeros(100_000)}, folder / "model.safetensors"),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_by_its_error_number(tmp_path, number):
    def write(folder):
        raise OSError(number, "no room")

    with pytest.raises(RunError, match="the disk is full"):
        write_folder(tmp_path / "model", write)
    assert list(tmp_path.iterdir()) == []


def test_another_error_is_not_called_a_full_disk(tmp_path):
    def write(folder):
        raise OSError(errno.EACCES, "forbidden")

    with pytest.raises(OSError, match="forbidden"):
        write_folder(tmp_path / "model", write)


def test_a_replacement_killed_between_its_renames_is_finished(tmp_path):
    write_folder(tmp_path / "model", lambda folder: (folder / "a").write_text("first"))
    (tmp_path / "model").rename(tmp_path / ".model.old")  # what the kill leaves
    recover_folder(tmp_path / "model")
    assert (tmp_path / "model" / "a").read_text() == "first"
    write_folder(tmp_path / "model", lambda folder: (folder / "a").write_text("second"))
    assert (tmp_path / "model" / "a").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_only_checkpoints_are_checkpoints(tmp_path):
    save_checkpoint(tmp_path, 9, {"x": torch.tensor(9)})
    for name in ("step-junk", "step-000000011.bak", "step-"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-000000012").write_text("a file")
    save_checkpoint(tmp_path, 1_000_000_000, {"x": torch.tensor(0)})  # ten digits sort last
    names = [path.name for path in list_checkpoints(tmp_path)]
    assert names == ["step-000000009", "step-1000000000"]


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied", "gone"])
def test_a_damaged_checkpoint_is_told_from_a_whole_one(tmp_path, how):
    old, new = (save_checkpoint(tmp_path, step, {"x": torch.arange(999)}) for step in (1, 2))
    assert newest_whole(tmp_path) == (new, [])
    path = new / "state.pt"
    content = path.read_bytes()
    half = len(content) // 2
    if how == "gone":
        path.unlink()
    else:
        flipped = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
        path.write_bytes({"cut": content[:half], "emptied": b"", "flipped": flipped}[how])
    found, (note,) = newest_whole(tmp_path)
    assert found == old
    assert note.startswith(f"{new}: damaged (")
    assert "\n" not in note


def test_a_folder_killed_at_any_file_operation(tmp_path):
    """It is the old one, the new one, or the old one under the name that is recovered."""

    def write(content):
        def fill(folder):
            (folder / "a").write_text(content)
            (folder / "b").write_text(content)

        return fill

    def check(name):
        folder = tmp_path / name
        recover_folder(folder)
        found = {path.name: path.read_text() for path in folder.iterdir()}
        assert found in ({"a": "old", "b": "old"}, {"a": "new", "b": "new"}), name
        write_folder(folder, write("last"))
        assert [path.name for path in tmp_path.iterdir() if path.name.endswith(name)] == [name]
        assert (folder / "b").read_text() == "last"

    deaths = every_death(
        lambda name: write_folder(tmp_path / name, write("new")),
        check,
        prepare=lambda name: write_folder(tmp_path / name, write("old")),
    )
    assert deaths > 6
