"""Folders of images with the text of each in a file of its name: cat.jpg, cat.txt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from dipole.data.image_files import images_below
from dipole.data.rows import Bad, Row, Source
from dipole.data.splits import SPLITS, WHOLE, check_whole, chosen_splits

# Images that are looked at to tell such a folder from one of images alone.
_LOOKED_AT = 200


def is_captioned(path: Path) -> bool:
    """Whether a path is a folder in which most images have a text file of their name."""
    if not path.is_dir():
        return False
    found = [path / name for name in islice(images_below(path), _LOOKED_AT)]
    texts = sum(image.with_suffix(".txt").is_file() for image in found)
    return bool(found) and 2 * texts > len(found)


def captioned_source(folder: Path, split: str, whole: tuple[str, ...] = WHOLE) -> Source:
    """Rows of an `image` (its path in the folder) and the `text` beside it, sorted by path.

    SPLIT/... where every image is in a folder with the name of a split.
    """
    images = sorted(folder / name for name in images_below(folder))
    tops = {image.relative_to(folder).parts[0] for image in images if image.parent != folder}
    name = str(folder)
    if tops and tops <= SPLITS and all(image.parent != folder for image in images):
        chosen = chosen_splits(split, sorted(tops), name)
        images = [image for image in images if image.relative_to(folder).parts[0] in chosen]
        name += f" ({'+'.join(chosen)})"
    else:
        check_whole(split, folder, "a folder", whole)

    def rows() -> Iterator[Row]:
        for number, image in enumerate(images, 1):
            where = image.relative_to(folder).as_posix()
            try:
                text = image.with_suffix(".txt").read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "not UTF-8"
                yield number, Bad(f"{where}: found no text beside it ({reason}); expected one")
                continue
            yield number, {"image": where, "text": text}

    def state() -> tuple[str, str]:
        both = [file for image in images for file in (image, image.with_suffix(".txt"))]
        stats = [(file.name, file.stat()) for file in both if file.is_file()]
        return str(folder.resolve()), str([(n, s.st_size, s.st_mtime_ns) for n, s in stats])

    return Source(name, rows, state, folders=(folder,))
