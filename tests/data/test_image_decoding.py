from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from dipole.data.image_decoding import decoded, one_size, target_size
from dipole.data.rows import BadValueError
from dipole.errors import InputError

Image = pytest.importorskip("PIL.Image")


def file(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_16_bits_of_grey_are_scaled_to_8() -> None:
    values = np.array([[0, 128, 129, 257], [32768, 65407, 65406, 65535]], np.uint16)
    image, _ = decoded(file(Image.fromarray(values)))
    assert image.dtype == np.uint8
    assert image.tolist() == np.rint(values / 257).astype(int).tolist() == [
        [0, 0, 1, 1], [128, 255, 254, 255]
    ]  # fmt: skip
    wide = Image.fromarray(np.array([[0, 65535]], np.int32), mode=None)
    assert decoded(file(wide, "TIFF"))[0].tolist() == [[0, 255]]


def test_values_that_are_no_bytes_are_refused() -> None:
    for array, message in (
        (np.array([[0.5]], np.float32), "floating-point pixels"),
        (np.array([[0, 70_000]], np.int32), "grey values from 0 to 70000"),
    ):
        with pytest.raises(BadValueError, match=message):
            decoded(file(Image.fromarray(array), "TIFF"))


def test_an_image_is_turned_as_its_camera_was() -> None:
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    for orientation in range(1, 9):
        tag = image.getexif()
        tag[0x0112] = orientation
        turned, _ = decoded(file(image, exif=tag))
        upright = np.asarray(image)
        expected = {
            1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
            5: upright.T, 6: np.rot90(upright, 3), 7: upright[::-1, ::-1].T, 8: np.rot90(upright),
        }[orientation]  # fmt: skip
        assert np.array_equal(turned, expected), orientation


def test_transparency_lies_over_white() -> None:
    rgba = Image.new("RGBA", (1, 1), (10, 20, 30, 0))
    assert decoded(file(rgba))[0].tolist() == [[[255, 255, 255]]]
    half = Image.new("RGBA", (1, 1), (0, 0, 0, 127))
    assert decoded(file(half))[0].tolist() == [[[128, 128, 128]]]
    assert decoded(file(Image.new("LA", (1, 1), (0, 0))))[0].tolist() == [[255]]
    assert decoded(file(Image.new("LA", (1, 1), (77, 255))))[0].tolist() == [[77]]
    grey = Image.fromarray(np.array([[3, 9]], np.uint8))
    assert decoded(file(grey, transparency=3))[0].tolist() == [[255, 9]]
    deep = Image.fromarray(np.array([[3, 2570]], np.uint16))
    assert decoded(file(deep, transparency=3))[0].tolist() == [[255, 10]]


def test_palettes_cmyk_and_one_bit() -> None:
    palette = Image.new("RGB", (1, 1), (200, 10, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert decoded(file(palette))[0].tolist() == [[[200, 10, 30]]]
    clear = palette.copy()
    assert decoded(file(clear, transparency=clear.getpixel((0, 0))))[0].tolist() == [[[255] * 3]]
    cmyk = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    assert np.asarray(decoded(file(cmyk, "JPEG"))[0]).max() < 8
    bits = Image.fromarray(np.array([[True, False]]))
    assert decoded(file(bits))[0].tolist() == [[255, 0]]


def test_the_first_frame_of_an_animation_is_taken_and_counted() -> None:
    frames = [Image.new("L", (2, 2), value) for value in (10, 200)]
    image, animated = decoded(file(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert animated
    assert set(image.ravel().tolist()) == {10}
    assert not decoded(file(frames[0], "GIF"))[1]


def test_what_cannot_be_read_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = file(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)))
    jpeg = file(Image.new("RGB", (64, 64), (1, 2, 3)), "JPEG")
    for data, message in (
        (b"", "found an empty file"),
        (b"<svg/>", "not a format that Pillow knows"),
        (whole[: len(whole) // 2], "found no readable image"),
        (jpeg[: len(jpeg) // 2], "found no readable image"),
    ):
        with pytest.raises(BadValueError, match=message) as caught:
            decoded(data)
        assert "\n" not in str(caught.value)
    for limit in (3000, 1000):  # Pillow warns at the limit, and raises at twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(BadValueError, match=f"more than {limit:,} pixels"):
            decoded(whole)


def test_a_new_size_covers_and_crops_in_the_middle() -> None:
    wide = Image.fromarray(np.repeat([[0, 0, 100, 100, 0, 0]], 2, axis=0).astype(np.uint8))
    assert decoded(file(wide), (2, 2))[0].tolist() == [[100, 100], [100, 100]]
    assert decoded(file(wide), (4, 3))[0].shape == (4, 3)


@pytest.mark.parametrize(
    ("resize", "size"),
    [(None, None), (64, (64, 64)), ("64", (64, 64)), ("48x64", (48, 64)), ((3, 4), (3, 4))],
)
def test_sizes(resize: Any, size: Any) -> None:
    assert target_size(resize) == size


@pytest.mark.parametrize("resize", [0, -1, "big", "3x", (1, 2, 3), 2.5, "99999999"])
def test_wrong_sizes(resize: Any) -> None:
    with pytest.raises(InputError, match="resize: found"):
        target_size(resize)


def test_grey_among_colours_becomes_rgb() -> None:
    grey, colour = np.full((2, 2), 7, np.uint8), np.zeros((2, 2, 3), np.uint8)
    array, count = one_size([grey, colour], "x")
    assert array.shape == (2, 2, 2, 3)
    assert array[0].tolist() == [[[7] * 3] * 2] * 2
    assert count == 1
    with pytest.raises(
        InputError, match=r"x: found images of different sizes \(2x2, 2x3\).*--resize"
    ):
        one_size([grey, np.zeros((2, 3), np.uint8)], "x")
