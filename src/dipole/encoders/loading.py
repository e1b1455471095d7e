"""One function that loads whatever encoder a folder or a hub id holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole import devices
from dipole.encoders.base import Encoder
from dipole.encoders.folder import read_json
from dipole.encoders.hub import locate
from dipole.encoders.names import PREFIXES, SAVED, prefixed, saved_class
from dipole.encoders.own import CLASS, CONFIG, INSIDE, is_of_a_session
from dipole.encoders.pair_scorer import is_pair_scorer
from dipole.encoders.st_folder import MODEL_CONFIG
from dipole.encoders.st_multi_vector import is_multi_vector
from dipole.encoders.trust import code_is_trusted, trusting_code
from dipole.errors import InputError
from dipole.lookup import find, is_loaded, plugins

if TYPE_CHECKING:
    import torch

# The kind of a folder that holds two towers, and what reads it: by a string, as it is above here.
CLIP = "CLIP"
READERS = {CLIP: "clip_folder:read_clip"}


def load_encoder(
    source: str | Path,
    *,
    trust_code: bool | None = None,
    device: str | torch.device | None = None,
) -> Encoder:
    """The encoder saved in a folder, in a run's folder, or under a Hugging Face hub id.

    A folder is, in this order: one of a class of your own (`config.json` says `"class":
    "my_tower.py:MyTower"`), a dipole folder (`config.json` says `"encoder": "ConvImage"`), a
    sentence-transformers folder (`modules.json`; a saved TransformerText is one), a plain Hugging
    Face folder (`config.json`; mean pooling; an image model; CLIP), or a run, whose `model/` is one
    of these. A folder of PyLate's, of sentence-transformers' `MultiVectorEncoder` or of Stanford's
    ColBERT has a vector for each token.

    As `lm:FOLDER` it is a causal language model, as `image:FOLDER` the image tower of a model of
    images and texts, as `colbert:FOLDER` a plain transformer with a new projection of its tokens.

    Args:
        trust_code: run the Python code that a folder names: a class of your own, or what a Hugging
            Face folder brings along (`auto_map`). Without it such a model is refused, or read by
            transformers where it knows the kind.
            None: as the surrounding `trusting_code` says, which is no.
        device: where it is to compute: "cpu", "cuda", "cuda:1", "mps" ... None: as `on_device` or
            DIPOLE_DEVICE says; without either on the GPU, if there is one.

    Raises:
        InputError: no such folder or device; a folder that is none of these; a file in it missing
            or broken.

    Example:
        >>> load_encoder("runs/first").encode(["how to open a file"], role="query")
    """
    if trust_code is not None:
        with trusting_code(trust_code):
            return load_encoder(source, device=device)
    where = devices.device() if device is None else devices.named(device)
    return _load(source).to(where)


def _load(source: str | Path) -> Encoder:
    if (known := prefixed(str(source))) is not None:
        named, rest = known
        if str(source).startswith("lm:") and Path(rest).exists():
            folder = locate(rest)  # a policy of your own, which says what reads it
            if (place := _own(folder)) is not None:
                return class_at(place, folder / CONFIG).load(folder)
        return named.load(rest)
    folder = locate(source)
    if (place := _own(folder)) is not None:
        return class_at(place, folder / CONFIG).load(folder)
    kind = kind_of(folder)
    if kind == CLIP:
        towers: Encoder = find("encoder", CLIP, READERS, package=__package__)(_clip_folder(folder))
        return towers
    cls = saved_class(kind) if kind else None
    if cls is not None:
        return cls.load(folder)
    found = f"encoder {kind!r}" if kind else "neither encoder nor model_type"
    raise InputError(
        f'{folder / CONFIG}: found {found}; expected "encoder": '
        f"one of {', '.join(SAVED)}, or a Hugging Face config with model_type"
    )


def class_at(place: str, named_by: Path) -> type[Encoder]:
    """The class that a folder names. Code that was not loaded yet runs only if it is trusted."""
    if place in INSIDE:
        return INSIDE[place]
    installed = {f"{point.module}:{point.attr}" for point in plugins("encoder").values()}
    is_known = place.startswith("dipole.") or place in installed or is_loaded(place)
    if not is_known and not code_is_trusted():
        raise InputError(
            f"{named_by}: its class is {place}, code that is not dipole's; expected --trust-code "
            "(load_encoder(..., trust_code=True)), if you trust whoever wrote it"
        )
    try:
        found: type[Encoder] = find("class", place, {}, base=Encoder)
    except InputError as error:
        name = place.rpartition(":")[2].rpartition(".")[2]
        if is_of_a_session(place):
            raise InputError(
                f"{named_by}: its class {name} was written in a session or in a function; expected "
                f"{name}.load(folder), or a model trained with the class in a file"
            ) from None
        raise InputError(f"{named_by}: {error}") from None
    return found


def _own(folder: Path) -> str | None:
    """The class that reads the folder, where it says so, and that of an adapter of a language
    model."""
    config = _config(folder)
    place = config.get(CLASS)
    if isinstance(place, str):
        return place
    adapter = folder / "adapter_config.json"  # of peft, which writes no config.json
    if not config and adapter.is_file() and read_json(adapter).get("task_type") == "CAUSAL_LM":
        return PREFIXES["lm"]
    return None


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    config = read_json(path) if path.is_file() else {}
    return config if isinstance(config, dict) else {}


def kind_of(folder: Path) -> str | None:
    """Which class reads the folder, or CLIP, as far as its json says."""
    config = _config(folder)
    if isinstance(config.get("encoder"), str):
        return str(config["encoder"])
    if {"vision_config", "text_config"} <= set(_config(_clip_folder(folder))):
        return CLIP
    if {"image_size", "num_channels"} & set(config):
        return "PretrainedImage"
    if is_pair_scorer(folder) and _is_of_one_output(folder, config):
        return "CrossText"
    if is_multi_vector(folder):
        return "MultiVectorText"
    if (folder / "modules.json").is_file():
        modules = read_json(folder / "modules.json")
        listed = modules if isinstance(modules, list) else []
        kinds = [str(m.get("type")).rpartition(".")[2] for m in listed if isinstance(m, dict)]
        special = {"StaticEmbedding": "StaticText", "SpladePooling": "SparseText"}
        return next((special[kind] for kind in kinds[:2] if kind in special), "TransformerText")
    if config.get("model_type") == "model2vec":
        return "StaticText"
    return "TransformerText" if "model_type" in config else None


def _clip_folder(folder: Path) -> Path:
    """The folder with the model's config: in one of sentence-transformers the first module's."""
    modules = folder / "modules.json"
    listed = read_json(modules) if modules.is_file() else []
    first = listed[0] if isinstance(listed, list) and listed else {}
    return folder / str(first.get("path", "")) if isinstance(first, dict) else folder


def _is_of_one_output(folder: Path, config: Any) -> bool:
    """Whether a model for sequence classification is a cross-encoder: it says so or has one output.
    Of one with classes the transformer is an encoder of single texts."""
    path = folder / MODEL_CONFIG
    said = read_json(path) if path.is_file() else {}
    labels = config.get("id2label")
    says_so = isinstance(said, dict) and said.get("model_type") == "CrossEncoder"
    return says_so or (isinstance(labels, dict) and len(labels) == 1)
