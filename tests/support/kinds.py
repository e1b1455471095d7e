"""A small file or folder of every kind of data that a training may want."""

import csv
import json
from pathlib import Path

import numpy as np

WORDS = ["open", "read", "sort", "join", "copy", "list", "print", "close"]
ROWS = [(f"{a} the {b} file", f"it will {a} what {b} holds") for a in WORDS for b in WORDS[:4]]


def write(kind: str, folder: Path) -> Path:
    """The path of data of this kind, as a user may have them."""
    return globals()[f"_{kind.replace('-', '_')}"](folder)


def sample(kind: str) -> list:
    """Two inputs that a model of such data encodes."""
    return list(_pictures(2)) if kind in ("images", "labelled-images") else [ROWS[0][0], ROWS[1][0]]


def _texts(folder: Path) -> Path:
    return _table(folder, ["text"], [[anchor] for anchor, _ in ROWS])


def _pairs(folder: Path) -> Path:
    return _table(folder, ["anchor", "positive"], ROWS)


def _triplets(folder: Path) -> Path:
    rows = [[*row, ROWS[(i + 5) % len(ROWS)][1]] for i, row in enumerate(ROWS)]
    return _table(folder, ["anchor", "positive", "negative"], rows)


def _negatives(folder: Path) -> Path:
    path = folder / "negatives.jsonl"
    lines = [
        {"anchor": row[0], "positive": row[1], "negatives": [ROWS[i - k][1] for k in range(3, 6)]}
        for i, row in enumerate(ROWS)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _graded(folder: Path) -> Path:
    rows = [[*row, i % 6 / 5] for i, row in enumerate(ROWS)]
    return _table(folder, ["sentence1", "sentence2", "score"], rows)


def _labelled(folder: Path) -> Path:
    return _table(folder, ["text", "label"], [[a, a.split()[0]] for a, _ in ROWS])


def _numbered(folder: Path) -> Path:
    return _table(folder, ["text", "label"], [[a, f"{i % 9 / 4}"] for i, (a, _) in enumerate(ROWS)])


def _lists(folder: Path) -> Path:
    path = folder / "lists.jsonl"
    lines = [
        {
            "query": anchor,
            "candidates": [ROWS[(i + k) % len(ROWS)][1] for k in range(4)],
            "relevance": [0.9, 0.5, 0.3, 0.1],
        }
        for i, (anchor, _) in enumerate(ROWS)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _preferences(folder: Path) -> Path:
    rows = [[anchor, good, ROWS[i - 7][1]] for i, (anchor, good) in enumerate(ROWS)]
    return _table(folder, ["prompt", "chosen", "rejected"], rows)


def _images(folder: Path) -> Path:
    return _pngs(folder / "images")


def _labelled_images(folder: Path) -> Path:
    for name in ("bright", "dark"):
        (folder / "images" / name).mkdir(parents=True)
        _pngs(folder / "images" / name / "of")
        for path in (folder / "images" / name / "of").iterdir():
            path.rename(folder / "images" / name / path.name)
        (folder / "images" / name / "of").rmdir()
    return folder / "images"


def _image_text(folder: Path) -> Path:
    pictures = sorted(_pngs(folder / "images").iterdir())
    rows = [[f"images/{path.name}", text] for path, (text, _) in zip(pictures, ROWS, strict=True)]
    return _table(folder, ["image", "caption"], rows)


def _modalities(folder: Path) -> Path:
    pictures = sorted(_pngs(folder / "images").iterdir())
    rows = [[f"images/{path.name}", *texts] for path, texts in zip(pictures, ROWS, strict=True)]
    return _table(folder, ["image", "caption", "sound"], rows)


def _pngs(folder: Path) -> Path:
    from PIL import Image

    folder.mkdir()
    for i, picture in enumerate(_pictures(len(ROWS))):
        Image.fromarray(picture).save(folder / f"{i:02}.png")
    return folder


def _pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def _table(folder: Path, columns: list[str], rows: list) -> Path:
    path = folder / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path
