"""One function that loads whatever encoder a folder or a hub id holds."""

from __future__ import annotations

from pathlib import Path

from dipole.encoders.base import Encoder
from dipole.encoders.folder import contents, read_json
from dipole.errors import InputError, optional


def load_encoder(source: str | Path) -> Encoder:
    """The encoder saved in a folder, in a run's folder, or under a Hugging Face hub id.

    A folder is, in this order: a dipole folder (`config.json` says `"encoder": "StaticText"`), a
    sentence-transformers folder (`modules.json`; a saved TransformerText is one), a plain Hugging
    Face folder (`config.json`; mean pooling), or a run, whose `model/` is one of these.

    Raises:
        InputError: no such folder; a folder that is none of these; a file in it missing or broken.

    Example:
        >>> load_encoder("runs/first").encode(["how to open a file"], role="query")
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        raise InputError(f"{source}: a file; expected the folder of an encoder or of a run")
    return _from_hub(str(source))


def _from_folder(folder: Path) -> Encoder:
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        if (folder / "model").is_dir():
            return _from_folder(folder / "model")
        raise InputError(
            f"{folder}: no encoder here; expected modules.json, config.json or a run's model/; "
            f"the folder holds {contents(folder)}"
        )
    kind = _kind(folder)
    if kind == "StaticText":
        from dipole.encoders.static_text import StaticText

        return StaticText.load(folder)
    if kind == "TransformerText":
        from dipole.encoders.transformer_text import TransformerText

        return TransformerText.load(folder)
    raise InputError(
        f"{folder / 'config.json'}: encoder is {kind!r}; expected 'StaticText', or a Hugging Face "
        "config with model_type"
    )


def _kind(folder: Path) -> str | None:
    """Which class reads the folder, as far as its json says."""
    path = folder / "config.json"
    config = read_json(path) if path.is_file() else {}
    if isinstance(config, dict) and isinstance(config.get("encoder"), str):
        return config["encoder"]
    if (folder / "modules.json").is_file():
        modules = read_json(folder / "modules.json")
        first = str(modules[0].get("type", "")) if modules else ""
        return "StaticText" if first.endswith(".StaticEmbedding") else "TransformerText"
    return "TransformerText" if isinstance(config, dict) and "model_type" in config else None


def _from_hub(name: str) -> Encoder:
    """Fetch what an encoder needs (never pickled weights) and load the local copy."""
    if name.count("/") > 1 or name.startswith((".", "/", "~")) or not name:
        raise InputError(f"{name!r}: no such folder; expected a folder or a hub id (owner/name)")
    hub = optional("huggingface_hub", "text")
    try:
        folder = hub.snapshot_download(
            name,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
            ignore_patterns=["onnx/*", "openvino/*"],
        )
    except Exception as error:  # the hub's own errors, its validation, httpx: no common base
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"{name!r}: no such folder, and not fetched from the Hugging Face hub "
            f"({type(error).__name__}: {reason})"
        ) from None
    return _from_folder(Path(folder))
