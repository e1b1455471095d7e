"""Where a model's folder is: given, inside a run, or fetched from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from dipole.encoders.folder import contents
from dipole.errors import InputError, optional


def locate(source: str | Path) -> Path:
    """The folder with the encoder's files, for a folder, a run's folder or a hub id."""
    path = Path(source).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        raise InputError(f"{source}: a file; expected the folder of an encoder or of a run")
    return _from_hub(str(source))


def _in_folder(folder: Path) -> Path:
    for candidate in (folder / "model", folder):  # a run may have a config.json of its own
        if any((candidate / name).is_file() for name in ("modules.json", "config.json")):
            return candidate
    raise InputError(
        f"{folder}: no encoder here; expected modules.json, config.json or a run's model/; "
        f"the folder holds {contents(folder)}"
    )


def _from_hub(name: str) -> Path:
    """Fetch what an encoder needs, never pickled weights."""
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{name!r}: no such folder; expected a folder or a hub id (owner/name)")
    hub = optional("huggingface_hub", "text")
    try:
        folder = hub.snapshot_download(
            name,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
            ignore_patterns=["onnx/*", "openvino/*"],
        )
    except Exception as error:  # the hub's errors, its name check, the network: no common base
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        raise InputError(
            f"{name!r}: no such folder, and not on the Hugging Face hub "
            f"({type(error).__name__}: {reason})"
        ) from None
    return _in_folder(Path(folder))
