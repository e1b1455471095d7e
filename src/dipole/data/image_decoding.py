"""Image files -> uint8 arrays, grey or RGB, as a viewer shows them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from dipole.data.rows import BadValueError, shown
from dipole.errors import InputError, optional

_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def decoded(data: bytes, size: tuple[int, int] | None = None) -> tuple[np.ndarray, bool]:
    """An image file as an array, (height, width) or (height, width, 3), and whether it is animated.

    Turned as its EXIF orientation says; 16 bits of grey become 8 (v * 255 / 65535, rounded);
    transparency is laid over white; palettes and CMYK become RGB; black-and-white becomes 0 and
    255; of an animation the first frame is taken. `size` (height, width): scaled to cover it,
    bilinear, and cropped in the middle.

    Raises BadValueError: what is wrong with the file.
    """
    Image = optional("PIL.Image", "vision")
    ImageOps = optional("PIL.ImageOps", "vision")
    if not data:
        raise BadValueError("found an empty file; expected an image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                animated = bool(getattr(image, "is_animated", False)) and image.format != "MPO"
                plain = _plain(ImageOps.exif_transpose(image), Image)
                if size is not None:
                    bilinear = Image.Resampling.BILINEAR
                    plain = ImageOps.fit(plain, (size[1], size[0]), method=bilinear)
                return np.array(plain), animated
    except BadValueError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadValueError(
            f"found more than {Image.MAX_IMAGE_PIXELS:,} pixels; expected a smaller image "
            "(it could be a decompression bomb)"
        ) from None
    except Exception as error:  # decoders raise whatever a broken file makes them
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "not a format that Pillow knows"
        raise BadValueError(f"found no readable image ({reason})") from None


def image_array(image: Any) -> np.ndarray:
    """An image of Pillow as an array, read as `decoded` reads a file.

    Raises BadValueError: pixels that are no grey values or colours of 8 or 16 bits.
    """
    Image = optional("PIL.Image", "vision")
    ImageOps = optional("PIL.ImageOps", "vision")
    return np.array(_plain(ImageOps.exif_transpose(image), Image))


def target_size(resize: int | str | Sequence[int] | None) -> tuple[int, int] | None:
    """(height, width) of `64`, `"64"`, `"48x64"` or `(48, 64)`."""
    if resize is None:
        return None
    parts: Any = resize.lower().split("x") if isinstance(resize, str) else resize
    try:
        numbers = [int(part) for part in parts] if not isinstance(parts, int) else [parts]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) not in (1, 2) or not all(1 <= number <= 2**14 for number in numbers):
        raise InputError(
            f"resize: found {shown(resize)}; expected pixels, as 64, or height and width, as 48x64"
        )
    return numbers[0], numbers[-1]


def as_rgb(image: np.ndarray) -> np.ndarray:
    """A grey image with three channels; a coloured one as it is."""
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def one_size(images: list[np.ndarray], name: str) -> tuple[np.ndarray, int]:
    """One array of them all; grey images among coloured ones become RGB, and are counted."""
    check_one_size({(image.shape[0], image.shape[1]) for image in images}, name)
    grey = sum(image.ndim == 2 for image in images)
    if grey == len(images):
        return np.stack(images), 0
    return np.stack(list(map(as_rgb, images))), grey


def check_one_size(shapes: Collection[tuple[int, int]], name: str) -> None:
    """Refuse images of several sizes, (height, width)."""
    if len(shapes) > 1:
        found = ", ".join(f"{height}x{width}" for height, width in sorted(shapes)[:3])
        raise InputError(
            f"{name}: found images of different sizes ({found}); expected one size, or --resize "
            "(resize=64: scaled and cropped to 64x64 pixels)"
        )


def noticed(animated: int, grey: int) -> list[str]:
    """What `origin` says of images: how many were animated, and grey among coloured ones."""
    notes = [f"animated, the first frame taken: {animated:,}"] if animated else []
    return [*notes, f"grey as RGB: {grey:,}"] if grey else notes


def _plain(image: Any, Image: Any) -> Any:
    """The same image in mode L or RGB."""
    transparent = image.info.get("transparency")
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.int64)
        if values.size and not 0 <= values.min() <= values.max() < 2**16:
            raise BadValueError(
                f"found grey values from {values.min()} to {values.max()}; expected 8 or 16 bits"
            )
        if isinstance(transparent, int):
            values[values == transparent] = 2**16 - 1
        # round(v * 255 / 65535) = round(v / 257)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        raise BadValueError("found floating-point pixels (mode F); expected 8 or 16 bits a channel")
    if image.mode in _ALPHA or transparent is not None:
        image = image.convert("RGBa").convert("RGBA") if image.mode == "RGBa" else image
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        grey = image.mode in ("1", "L", "LA", "La")
        return Image.alpha_composite(white, over).convert("L" if grey else "RGB")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")
