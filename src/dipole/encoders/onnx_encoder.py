"""An encoder whose forward pass is a graph of ONNX, run by onnxruntime."""

from __future__ import annotations

import hashlib
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from dipole.encoders.base import Encoder, Features
from dipole.encoders.folder import read_json, require
from dipole.encoders.image import ImageEncoder
from dipole.encoders.own import CONFIG
from dipole.encoders.precision import Precision
from dipole.encoders.preprocessing import FILES as PREPROCESSING
from dipole.encoders.preprocessing import Preprocessing
from dipole.encoders.pretrained_image import PretrainedImage
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.text_hashing import HashedWords
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError, optional
from dipole.showing import short

GRAPH, TOKENIZER, KNOWN = "model.onnx", "tokenizer.json", "known.npy"
# Files of a folder; the weights of a large model are in the second.
FILES = (CONFIG, GRAPH, f"{GRAPH}.data", TOKENIZER, KNOWN, *PREPROCESSING)


class OnnxEncoder(Encoder):
    """Inputs prepared as by the encoder that was exported, vectors by its graph; not trainable.

    On one CPU thread a batch; `encode` gives every thread a batch of its own.

    Raises InputError: a graph or a config that is missing or broken.
    """

    dtype: Precision = "float32"
    kind: ClassVar[str] = ""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        nn.Module.__init__(self)  # none of the exported class's own: it would make its weights
        self.folder, self.config = folder, config
        self.shows = ()
        self.dim = int(config["dim"])
        self.read(folder, config[self.kind])
        self.eval()

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The encoder of a folder that `export_onnx` wrote."""
        folder = Path(folder)
        config = read_json(require(folder, CONFIG))
        require(folder, GRAPH)
        kinds = {kind.kind: kind for kind in (OnnxText, OnnxBag, OnnxImage, OnnxPretrainedImage)}
        named = config.get("kind") if isinstance(config, dict) else config
        kind = kinds.get(str(named))
        if kind is None:
            raise InputError(
                f"{folder / CONFIG}: kind is {short(named)}; expected {', '.join(kinds)}"
            )
        try:
            made: Any = kind(folder, config)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{folder / CONFIG}: {error}; expected the settings of an exported {kind.kind}"
            ) from None
        made.session.get_inputs()  # a broken graph is said here
        found: Self = made
        return found

    def read(self, folder: Path, settings: dict[str, Any]) -> None:
        """Take what prepares inputs from the folder."""
        raise NotImplementedError

    @cached_property
    def session(self) -> Any:
        """What runs the graph."""
        onnxruntime = optional("onnxruntime", "onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                str(self.folder / GRAPH), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors are of many kinds
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"{self.folder / GRAPH}: not a graph of ONNX ({reason})") from None

    def __getstate__(self) -> dict[str, Any]:
        """Without what runs the graph: a copy, and another process, read it anew."""
        return {name: value for name, value in self.__dict__.items() if name != "session"}

    def forward(self, features: Features) -> Tensor:
        """(n, dim), as the graph says; without a gradient."""
        names = [given.name for given in self.session.get_inputs()]
        given = {name: np.ascontiguousarray(features[name].numpy()) for name in names}
        return torch.from_numpy(self.session.run(None, given)[0])

    @property
    def device(self) -> torch.device:
        """Always the CPU."""
        return torch.device("cpu")

    def settings(self) -> dict[str, Any]:
        """What prepares inputs, and the sha256 of the graph with its weights."""
        return self.config | {"graph": self._digest}

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name in (GRAPH, f"{GRAPH}.data"):
            if (self.folder / name).is_file():
                with (self.folder / name).open("rb") as file:
                    while part := file.read(2**20):
                        digest.update(part)
        return digest.hexdigest()

    def weights(self) -> dict[str, Tensor]:
        """None: they are in the graph."""
        return {}

    def shallow_layers(self) -> int:
        """None is shown."""
        return 0

    def save(self, folder: str | Path) -> None:
        """Copy the folder it was loaded from."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)


class OnnxText(OnnxEncoder, TransformerText):  # type: ignore[misc]
    """A transformer: token ids of the prompted texts, padded on the right."""

    kind = "text"

    def read(self, folder: Path, settings: dict[str, Any]) -> None:
        """The tokenizer, which cuts texts by itself, and the prompts."""
        self._tokens = Pieces.read(folder / TOKENIZER).tokenizer
        self._pad, self._segments = int(settings["pad"]), bool(settings["segments"])
        self.prompts, self.max_length = dict(settings["prompts"]), int(settings["max_length"])


class OnnxBag(OnnxEncoder, StaticText):
    """A bag of tokens."""

    kind = "bag"

    def read(self, folder: Path, settings: dict[str, Any]) -> None:
        """The tokenizer, and how tokens are counted."""
        tokens = settings["tokenizer"]
        if tokens["kind"] == "hashed":
            known = np.load(require(folder, KNOWN), allow_pickle=False)
            self.tokenizer = HashedWords(known, tokens["grams"], tokens["buckets"])
        else:
            self.tokenizer = Pieces.read(folder / TOKENIZER)
        self.pooling, self.shared = settings["pooling"], bool(settings["shared"])
        self.dropout, self._bags, self._remembered = 0.0, {}, 0


class OnnxImage(OnnxEncoder, ImageEncoder):
    """An image tower."""

    kind = "image"

    def read(self, folder: Path, settings: dict[str, Any]) -> None:
        """The size that images are pooled to."""
        height, width = settings["size"]
        self.size, self.channels = (int(height), int(width)), int(settings["channels"])
        self.head = None


class OnnxPretrainedImage(OnnxEncoder, PretrainedImage):  # type: ignore[misc]
    """A pretrained image tower."""

    kind = "pretrained image"

    def read(self, folder: Path, settings: dict[str, Any]) -> None:
        """What resizes and crops images."""
        self.preprocessing = Preprocessing.read(folder)
        self.size, self.channels = self.preprocessing.size, int(settings["channels"])
        self.head = None
