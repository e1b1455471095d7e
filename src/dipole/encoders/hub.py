"""Where a model's folder is: given, inside a run, or fetched from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from dipole.data.hub import unreachable
from dipole.data.paths import looks_like_path, missing
from dipole.encoders.folder import contents
from dipole.encoders.trust import code_is_trusted
from dipole.errors import InputError, note, optional

# One of these is in the folder of an encoder.
_MARKS = ("modules.json", "config.json", "adapter_config.json")
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]


def locate(source: str | Path) -> Path:
    """The folder with the encoder's files, for a folder, a run's folder or a hub id.

    A name that is a path by its form is never asked of the hub (`looks_like_path`).
    """
    if not isinstance(source, (str, Path)) or not str(source):
        raise InputError(f"{source!r}: expected the name of a folder, a run or a hub id")
    path = Path(source).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        raise InputError(f"{source}: a file; expected the folder of an encoder or of a run")
    if looks_like_path(source):
        raise InputError(f"{source}: no such folder{missing(path)}; expected a folder or a hub id "
                         "(owner/name)")  # fmt: skip
    return _from_hub(str(source), path)


def _in_folder(folder: Path) -> Path:
    for candidate in (folder / "model", folder):  # a run may have a config.json of its own
        if any((candidate / name).is_file() for name in _MARKS):
            return candidate
    raise InputError(
        f"{folder}: no encoder here; expected modules.json, config.json or a run's model/; "
        f"the folder holds {contents(folder)}"
    )


def _from_hub(name: str, path: Path) -> Path:
    """Fetch what an encoder needs, never pickled weights; code only if it is trusted."""
    hub = optional("huggingface_hub", "text")
    offline = optional("huggingface_hub.constants", "text").HF_HUB_OFFLINE
    reason = unreachable(offline)
    if reason is None:
        if not offline:
            note(f"asking the Hugging Face hub for model '{name}'")
        try:
            folder = hub.snapshot_download(
                name,
                allow_patterns=[*_FILES, *(["*.py"] if code_is_trusted() else [])],
                ignore_patterns=["onnx/*", "openvino/*"],
            )
        except Exception as error:  # the hub's, its name check, the network: no common base
            line = (str(error).strip() or "no reason given").splitlines()[0]
            reason = "HF_HUB_OFFLINE is set; not in the cache: " if offline else ""
            reason += f"{type(error).__name__}: {line}"
        else:
            return _in_folder(Path(folder))
    raise InputError(
        f"{name!r}: no such folder{missing(path)}, and not on the Hugging Face hub ({reason})"
    )
