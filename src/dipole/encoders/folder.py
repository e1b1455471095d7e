"""Reading a model folder, with one-line errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError
from dipole.files import write_text

if TYPE_CHECKING:
    from torch import Tensor


def contents(folder: Path, limit: int = 8) -> str:
    """The names in a folder, for an error message."""
    names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more if names else "nothing"


def require(folder: Path, *names: str) -> Path:
    """The first of these files that the folder has."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{folder}: no {' or '.join(names)}; the folder holds {contents(folder)}")


def read_json(path: Path) -> Any:
    """The json in a file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not json ({error})") from None


def write_json(path: Path, value: Any) -> None:
    """Write json as people read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a whole safetensors file of {path.stat().st_size} bytes ({error})"
        ) from None


def write_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write tensors as safetensors, marked as torch's so that transformers reads them."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    stores = [tensor.untyped_storage().data_ptr() for tensor in weights.values()]
    save_file(
        {
            # Tied weights are two tensors in a file.
            name: tensor.contiguous() if stores.count(store) == 1 else tensor.clone()
            for (name, tensor), store in zip(weights.items(), stores, strict=True)
        },
        path,
        metadata={"format": "pt"},
    )


def check_weights(path: Path) -> None:
    """Whether a safetensors file is whole, by its header and size, without reading it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error})") from None
