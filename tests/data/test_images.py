from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dipole.data import Inputs, load_inputs, load_labeled
from dipole.data.images import read_idx
from dipole.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.arange(6, dtype=np.uint8) % 3


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return header + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, rows in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[rows])))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(LABELS[rows]))
    return folder


def test_idx_files(mnist: Path) -> None:
    train = load_labeled(mnist)
    assert np.array_equal(np.asarray(train.column("input")), IMAGES[:4])
    assert train.column("label") == LABELS[:4].tolist()
    assert train.take([1])["input"][0].dtype == np.uint8
    assert np.array_equal(load_labeled(mnist, split="test")[1]["input"], IMAGES[5])
    assert len(load_labeled(mnist, split="all")) == 6
    with pytest.raises(InputError, match="no split 'validation'; splits found: train, test"):
        load_labeled(mnist, split="validation")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG and more", "found b'.*PNG' at the start; expected an idx file"),
        (idx(LABELS)[:-1], "found 13 bytes; expected as many as its header says"),
        (b"\0\0\x08\x03\0", "found 5 bytes"),
        (b"", "found b'' at the start"),
    ],
)
def test_wrong_idx_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_idx(tmp_path / "x")


def test_a_broken_gzip_file(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx(IMAGES))[:-9])
    with pytest.raises(InputError, match="found no readable idx file"):
        read_idx(tmp_path / "x.gz")


def test_as_many_labels_as_images(mnist: Path) -> None:
    (mnist / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    with pytest.raises(InputError, match="found 4 images and 6 labels in 'train'"):
        load_labeled(mnist)
    (mnist / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="found no file train-labels-idx1-ubyte"):
        load_labeled(mnist)


def png(image: np.ndarray) -> bytes:
    pil = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    pil.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_folder_and_a_zip_file_with_a_folder_per_class(tmp_path: Path) -> None:
    names = [f"set/{'cat' if i % 2 else 'dog'}/{i}.png" for i in range(4)]
    for name, image in zip(names, IMAGES, strict=False):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png(image))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / name, name)
    for source in ("set", "set.zip"):
        labeled = load_labeled(tmp_path / source)
        assert labeled.column("label") == ["cat", "cat", "dog", "dog"]
        assert np.array_equal(np.asarray(labeled.column("input")), IMAGES[[1, 3, 0, 2]])
        assert labeled.metadata(0)["file"].endswith("cat/1.png")
    (tmp_path / "set/cat/9.png").write_bytes(png(IMAGES[0, :3]))
    with pytest.raises(InputError, match="found images of different sizes \\(3x4, 5x4\\)"):
        load_labeled(tmp_path / "set")
    (tmp_path / "set/cat/9.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"set: cat/9\.png: found no readable image"):
        load_labeled(tmp_path / "set")
    (tmp_path / "set.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="found no readable zip file"):
        load_labeled(tmp_path / "set.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found no images; expected a folder of images for every"):
        load_labeled(tmp_path / "empty")


def test_bad_images_are_left_out_where_asked(tmp_path: Path) -> None:
    (tmp_path / "set/cat").mkdir(parents=True)
    (tmp_path / "set/cat/1.png").write_bytes(png(IMAGES[0]))
    (tmp_path / "set/cat/2.png").write_bytes(b"")
    (tmp_path / "set/cat/3.png").mkdir()
    (tmp_path / "set/cat/4.png").write_bytes(png(IMAGES[0])[:40])
    (tmp_path / "set/cat/read.me").write_text("")
    with pytest.raises(
        InputError, match=r"set: cat/2\.png: found an empty file; expected an image"
    ):
        load_labeled(tmp_path / "set")
    found = load_labeled(tmp_path / "set", on_bad_row="skip")
    assert (len(found), found.skipped.count) == (1, 3)
    assert "cat/3.png: found a folder; expected an image file" in found.skipped.messages[1]
    assert "passed over, no image by name: .me 1" in found.origin
    with pytest.raises(InputError, match="on_bad_row: found 'no'"):
        load_labeled(tmp_path / "set", on_bad_row="no")  # type: ignore[arg-type]
    (tmp_path / "set/cat/1.png").unlink()
    with pytest.raises(
        InputError, match=r"found no usable image, 3 bad ones; the first: .*2[.]png"
    ):
        load_labeled(tmp_path / "set", on_bad_row="skip")


def test_images_without_classes_are_inputs_and_never_one_class(tmp_path: Path) -> None:
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(png(IMAGES[i]))
    found = load_inputs(tmp_path)
    assert type(found) is Inputs
    assert np.array_equal(np.asarray(found.column("input")), IMAGES[:2])
    with pytest.raises(InputError, match=r"found the image 0\.png in no class folder"):
        load_labeled(tmp_path)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/1.png").write_bytes(png(IMAGES[2]))
    with pytest.raises(InputError, match=r"found the image 0\.png in no class folder"):
        load_inputs(tmp_path)


def test_images_of_many_sizes_take_a_size(tmp_path: Path) -> None:
    for name, image in (
        ("a/1", IMAGES[0]),
        ("a/2", IMAGES[0, :3]),
        ("b/3", np.stack([IMAGES[0]] * 3, 2)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.png").write_bytes(png(image))
    with pytest.raises(
        InputError, match=r"different sizes \(3x4, 5x4\); expected one size, or --resize"
    ):
        load_labeled(tmp_path)
    found = load_labeled(tmp_path, resize=(4, 2))
    assert np.asarray(found.column("input")).shape == (3, 4, 2, 3)
    assert found.origin.endswith("(grey as RGB: 2; resized to 4x2)")


def test_what_an_image_folder_cannot_do_is_said(mnist: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found input='x' for data whose columns are known"):
        load_labeled(mnist, input="x")
    with pytest.raises(InputError, match="found resize=3 for images of one size"):
        load_labeled(mnist, resize=3)
    with pytest.raises(InputError, match="found resize=3 for images of one size"):
        load_labeled("digits", resize=3)
    (tmp_path / "l.csv").write_text("text,label\na,b\n")
    with pytest.raises(InputError, match="found resize=3 for texts"):
        load_labeled(tmp_path / "l.csv", resize=3)
