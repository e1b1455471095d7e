from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from dipole.data import image_files
from dipole.data.image_files import ClassFolders, class_folders
from dipole.data.rows import BadValueError
from dipole.errors import InputError


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path


def found(path: Path) -> ClassFolders:
    with class_folders(path) as folders:
        return folders


LAYOUTS = {
    "classes": (["cat/1.png", "dog/2.JPG"], {"": [("cat/1.png", "cat"), ("dog/2.JPG", "dog")]}),
    "splits": (
        ["Train/cat/1.png", "dev/cat/2.png", "test/dog/3.png"],
        {
            "train": [("Train/cat/1.png", "cat")],
            "dev": [("dev/cat/2.png", "cat")],
            "test": [("test/dog/3.png", "dog")],
        },
    ),
    "a folder around": (
        ["set/v1/train/cat/1.png", "set/v1/test/dog/3.png"],
        {
            "train": [("set/v1/train/cat/1.png", "cat")],
            "test": [("set/v1/test/dog/3.png", "dog")],
        },
    ),
    "a class called train": (
        ["bus/1.png", "train/2.png"],
        {"": [("bus/1.png", "bus"), ("train/2.png", "train")]},
    ),
    "no classes": (["1.png", "2.png"], {"": [("1.png", None), ("2.png", None)]}),
    "splits without classes": (
        ["test/2.png", "train/1.png"],
        {"test": [("test/2.png", None)], "train": [("train/1.png", None)]},
    ),
    "hidden": (
        ["__MACOSX/cat/._1.png", ".git/x.png", "cat/._1.png", "cat/1.png"],
        {"": [("cat/1.png", "cat")]},
    ),
}


@pytest.mark.parametrize("names", LAYOUTS)
def test_classes_and_splits_of_folders_and_zip_files(tmp_path: Path, names: str) -> None:
    files, expected = LAYOUTS[names]
    assert found(tree(tmp_path / "a", *files)).files == expected
    assert found(zipped(tmp_path / "a.zip", *files)).files == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/cat/1.png", "extra/cat/1.png"], "found the split train/ beside 'extra'"),
        (["train/cat/1.png", "test/cat/1.png", "0.png"], "found the image 0.png in none of the"),
        (["a/b/cat/1.png", "a/c/cat/1.png"], "b/cat/1.png in a folder of a folder; expected CLASS"),
    ],
)
def test_layouts_that_say_two_things_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    for path in (tree(tmp_path / "a", *names), zipped(tmp_path / "a.zip", *names)):
        with pytest.raises(InputError, match=message):
            found(path)


def test_links_are_followed_and_loops_are_refused(tmp_path: Path) -> None:
    tree(tmp_path / "store", "1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/cat").symlink_to(tmp_path / "store")
    assert found(tmp_path / "set").files == {"": [("cat/1.png", "cat")]}
    (tmp_path / "store/up").symlink_to(tmp_path / "set")
    with pytest.raises(InputError, match="a link to a folder above it"):
        found(tmp_path / "set")


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path / "set", "cat/1.png", "cat/0.png/inside.txt", "cat/notes.txt")
    (root / "cat/gone.png").symlink_to(root / "nowhere")
    (root / "cat/loop.png").symlink_to(root / "cat/loop.png")
    folders = found(root)
    assert folders.passed == {".txt": 1}
    monkeypatch.setattr(image_files, "LARGEST", 4)
    for name, message in (
        ("cat/0.png", "found a folder; expected an image file"),
        ("cat/1.png", "expected an image file of at most"),
        ("cat/gone.png", "No such file"),
        ("cat/loop.png", "symbolic links"),
    ):
        with pytest.raises(BadValueError, match=message):
            folders.read(name)


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/x.png", "a/../../x.png", "C:/x.png", "a\\x.png"]
)
def test_names_that_leave_a_zip_file_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="expected names inside the archive"):
        found(zipped(tmp_path / "a.zip", "cat/1.png", name))


def test_a_name_twice_in_a_zip_file(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "a.zip", "cat/1.png", "cat/1.png")
    with pytest.raises(InputError, match=r"found 'cat/1.png' twice"):
        found(path)


def test_zip_files_that_grow_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/1.png", bytes(2**20))
    monkeypatch.setattr(image_files, "LARGEST", 1_000_000)
    with class_folders(tmp_path / "a.zip") as folders, pytest.raises(BadValueError, match="1 MB"):
        folders.read("cat/1.png")
    monkeypatch.setattr(image_files, "LARGEST", 2**10)
    with pytest.raises(InputError, match=r"found 1 MB in a zip file of 0\.00 MB; expected"):
        found(tmp_path / "a.zip")
    monkeypatch.setattr(image_files, "_MEMBERS", 0)
    with pytest.raises(InputError, match="found 1 files; expected at most 0"):
        found(tmp_path / "a.zip")


def test_broken_and_encrypted_members(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", "cat/1.png")
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1  # the flag of a password
    (tmp_path / "locked.zip").write_bytes(data)
    locked, broken = (class_folders(tmp_path / f"{name}.zip") for name in ("locked", "broken"))
    with locked as folders, pytest.raises(BadValueError, match="found an encrypted file"):
        folders.read("cat/1.png")
    data = bytearray(path.read_bytes())
    data[place + 16 : place + 20] = struct.pack("<I", 1)  # its checksum
    (tmp_path / "broken.zip").write_bytes(data)
    with broken as folders, pytest.raises(BadValueError, match="cannot be unpacked"):
        folders.read("cat/1.png")
