"""What a training has seen, in some hundred kilobytes: has the data changed, was this row in it?"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data.examples import Examples
from dipole.data.same import content_key, exact_key, splitmix64
from dipole.errors import InputError

# Row hashes that a sketch holds: shares are exact up to so many different rows, and from there on
# off by about 1 / sqrt(rows of the sketch that are asked for).
SKETCH = 65_536
# Fields that say something of what is encoded, or come with it.
UNSEEN = ("score", "label", "relevance", "negatives", "ratings")
# Rows hashed at a time.
_BLOCK = 65_536


def fingerprint(examples: Examples) -> dict[str, Any]:
    """What `examples` hold, as json: equal for equal rows in equal order, whatever their ids.

    rows: how many. digest: of all rows in their order, to the last character. sketch: the
    `SKETCH` smallest different row hashes (bottom-k: a random sample of the rows that is the same
    in every process), base64 of little-endian uint64; these are made of the content keys of what
    is encoded: a row that differs in white space, or in its score, label or negatives alone was
    seen. 1 million pairs of short texts take 6 s and 2 MB.

    >>> from dipole.data import Pairs
    >>> one = Pairs.from_columns({"anchor": ["a", "b"], "positive": ["c", "d"]})
    >>> fingerprint(one)["rows"], seen_share(one.select([0]), fingerprint(one))
    (2, 1.0)
    """
    digest = blake2b(digest_size=16)
    sketch = np.empty(0, np.uint64)
    for hashes in row_hashes(examples, without=UNSEEN):
        sketch = _smallest(sketch, hashes)
    for hashes in row_hashes(examples, exact_key):
        digest.update(hashes.astype("<u8").tobytes())
    return {"rows": len(examples), "digest": digest.hexdigest(), "sketch": _packed(sketch)}


def joined_fingerprint(fingerprints: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The fingerprint of several sets one after the other (its digest is of their digests)."""
    parts = list(fingerprints)
    if len(parts) == 1:
        return {name: parts[0][name] for name in ("rows", "digest", "sketch")}
    digest = blake2b(digest_size=16)
    sketch = np.empty(0, np.uint64)
    for part in parts:
        digest.update(bytes.fromhex(part["digest"]))
        sketch = _smallest(sketch, _unpacked(part["sketch"]))
    return {
        "rows": sum(part["rows"] for part in parts),
        "digest": digest.hexdigest(),
        "sketch": _packed(sketch),
    }


def read_fingerprint(path: Path) -> dict[str, Any] | None:
    """What a file says of the data of a run (a fingerprint, and `parts` with one each), None where
    there is no file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        good = all(map(_is_fingerprint, [found, *found.get("parts", [])]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, AttributeError):
        good = False
    if not good:
        raise InputError(f"{path}: damaged; expected it as the training wrote it, or no such file")
    return dict(found)


def _is_fingerprint(found: Mapping[str, Any]) -> bool:
    _unpacked(found.get("sketch", ""))
    return type(found.get("rows", 0)) is int and isinstance(found.get("columns", {}), dict)


def seen_share(
    examples: Examples, fingerprint: Mapping[str, Any], *, swapped: bool = False
) -> float:
    """The share of these rows that are among those of `fingerprint`, 0 to 1, whatever their kind.

    swapped: with their two texts the other way round.

    Pairs, triplets and scored pairs of the same two texts are the same, labelled inputs and plain
    ones too. Exact where those were at most `SKETCH` different rows. Else it is estimated from the
    rows whose hash is at most the sketch's largest, of which the sketch knows all; nan where there
    is no such row (fewer than about rows / SKETCH are asked for).
    """
    sketch = _unpacked(fingerprint["sketch"])
    is_whole = fingerprint["rows"] <= SKETCH or len(sketch) < SKETCH
    asked, seen = 0, 0
    for hashes in row_hashes(examples, without=UNSEEN, swapped=swapped):
        known = hashes if is_whole else hashes[hashes <= sketch[-1]]
        asked += len(known)
        seen += int(np.isin(known, sketch).sum())
    return seen / asked if asked else float("nan")


def row_hashes(
    examples: Examples,
    key: Callable[[Any], int] = content_key,
    without: Container[str] = (),
    *,
    swapped: bool = False,
) -> Iterator[np.ndarray]:
    """(rows of a block,) uint64 hashes of the rows' contents, block by block, in their order."""
    columns = [examples.column(field) for field in examples.FIELDS if field not in without]
    columns = columns[::-1] if swapped else columns
    for start in range(0, len(examples), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(examples)))
        hashes = np.zeros(len(rows), np.uint64)
        for column in columns:
            keys = np.fromiter(map(key, column.contents(rows)), np.uint64, len(rows))
            hashes = splitmix64(hashes ^ keys)  # (a, b) and (b, a) are two rows
        yield hashes


def _smallest(sketch: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The smallest different hashes of both, in order."""
    if len(sketch) == SKETCH:
        hashes = hashes[hashes < sketch[-1]]
    return np.unique(np.concatenate([sketch, hashes]))[:SKETCH]


def _packed(hashes: np.ndarray) -> str:
    return b64encode(hashes.astype("<u8").tobytes()).decode("ascii")


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), "<u8").astype(np.uint64)
