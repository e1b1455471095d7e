"""Is a name a path or an id on a hub? A mistyped path must never be asked of the network."""

from __future__ import annotations

from pathlib import Path

from dipole.lookup import close_to

# Names that end so are files and folders; the "1.5" of a model is none of them.
_SUFFIXES = {
    ".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".yaml", ".yml", ".npy",
    ".npz", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".onnx", ".zip", ".gz", ".zst",
    ".bz2", ".xz", ".index", ".png", ".jpg", ".tar", ".tgz",
}  # fmt: skip


def looks_like_path(name: str | Path) -> bool:
    """Whether a name can only be meant as a path, by its form or by what is there.

    A `Path`; a name that begins with `./`, `../`, `/`, `~` or `runs/`, ends with a slash or the
    suffix of a file, has more than two parts, or whose first part is a folder here.

    >>> looks_like_path("./model"), looks_like_path("BAAI/bge-small-en-v1.5")
    (True, False)
    """
    if isinstance(name, Path):
        return True
    first, slash, _ = name.partition("/")
    return (
        name.startswith((".", "/", "~", "runs/"))
        or name.endswith("/")
        or "\\" in name
        or name.count("/") > 1
        or Path(name.partition(":")[0]).suffix.lower() in _SUFFIXES
        or (bool(slash) and Path(first).is_dir())
    )


def missing(path: Path) -> str:
    """What to say behind "no such folder": the folder above it, if that is missing too, or names.

    >>> missing(Path("/"))
    ''
    """
    above = path.parent
    if not above.is_dir():
        return "" if above == path else f" ({above} is not there either)"
    try:
        names = [entry.name for entry in above.iterdir()]
    except OSError:
        return ""
    close = close_to(path.name, names)
    return f" (did you mean {' or '.join(str(above / name) for name in close)}?)" if close else ""
