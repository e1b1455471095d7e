"""The lines of a text file: UTF-8 or a word on why not, gzip or not, each of a bounded length."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from dipole.data.rows import Bad
from dipole.errors import InputError

# The most bytes of one line: what is held in memory at once, also of a gzip bomb.
LONGEST_LINE = 2**28


def lines_of(path: Path) -> Iterator[tuple[int, str | Bad]]:
    """The lines of a UTF-8 text file (or gzip of one) with their numbers, ends of line kept."""
    number = 0
    try:
        with _opened(path) as file:
            pieces = iter(partial(file.readline, LONGEST_LINE + 1), b"")
            for number, line in enumerate(pieces, start=1):
                if len(line) > LONGEST_LINE:
                    raise InputError(
                        f"{path}, row {number}: found a line of more than {LONGEST_LINE:,} bytes; "
                        "expected shorter ones"
                    )
                if number == 1:
                    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                        raise InputError(f"{path}: found UTF-16; expected UTF-8 (save it as UTF-8)")
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield number, _decoded(line)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(
            f"{path}: found damaged gzip data after row {number}; expected a whole .gz file"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _decoded(line: bytes) -> str | Bad:
    if b"\0" in line:
        return Bad(
            f"found a NUL byte at position {line.index(0) + 1}; expected text in UTF-8 "
            "(the file is damaged, or UTF-16)"
        )
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        return Bad(
            f"found the byte 0x{line[error.start]:02x} at position {error.start + 1}; "
            "expected UTF-8 (save the file as UTF-8)"
        )


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    return open(path, "rb")
