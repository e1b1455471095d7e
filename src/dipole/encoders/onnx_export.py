"""Encoders as graphs of ONNX, for onnxruntime and whatever else reads them."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.encoders.adapters import AdaptedText
from dipole.encoders.base import Encoder, Features, fingerprint
from dipole.encoders.conv import StandardisedConv
from dipole.encoders.folder import write_json
from dipole.encoders.image import ImageEncoder
from dipole.encoders.onnx_encoder import GRAPH, KNOWN, TOKENIZER, OnnxEncoder
from dipole.encoders.own import CONFIG
from dipole.encoders.pretrained_image import PretrainedImage
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bpe import Pieces
from dipole.encoders.text_hashing import HashedWords
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError, RunError, optional
from dipole.files import scratch

# What float32 graphs may differ by; how much weights take from which on they are a file of their
# own, for a graph holds 2 GB at most.
TOLERANCE = 1e-4
_LARGE = 1_500_000_000
# Texts of different lengths and scripts, that the graph is tried on.
TEXTS = [
    "how to open a file and read its lines", "a", "Sort a list of numbers; in place?",
    "def read(path): return open(path).read()", "où est la gare", "北京在哪里", "close " * 40,
]  # fmt: skip


@dataclass(frozen=True)
class _Graph:
    """What is traced, as a function of the encoder and its features, and what is said of it."""

    kind: str
    function: Callable[[Any, Features], Tensor]
    features: Features
    settings: dict[str, Any]
    use: list[str]
    inputs: list[Any]  # that it is tried on


def export_onnx(encoder: Encoder, folder: str | Path, *, int8: bool = False) -> float:
    """Write an encoder as a graph of ONNX that `load_encoder` loads; returns how far it is off.

    The folder holds `model.onnx`, the tokenizer (`tokenizer.json`; of hashed words `known.npy`) and
    `config.json`, which says what the graph takes and how texts or images become that (`use`).
    Loaded again it encodes, is indexed and searched as any encoder; it cannot be trained.

    Args:
        encoder: a `TransformerText` (LoRA is folded), `StaticText` or an image encoder.
        int8: weights of a byte each (onnxruntime's dynamic quantisation; of a bag its table).

    Returns:
        The largest difference of a number in vectors of some texts (or of noise, as images), made
        by both.

    Raises:
        InputError: an encoder of another kind.
        RunError: a graph (of float32) whose vectors differ by more than 1e-4.

    Example:
        >>> export_onnx(load_encoder("runs/first"), "exported")  # doctest: +SKIP
        2.1e-07
    """
    optional("onnx", "onnx"), optional("onnxscript", "onnx"), optional("onnxruntime", "onnx")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(encoder, AdaptedText) and encoder.kind == "lora":
        encoder = encoder.folded()
    graph = _graph(encoder)
    config = {
        "encoder": "OnnxEncoder",
        "kind": graph.kind,
        "dim": encoder.dim,
        "int8": int8,
        "made_of": fingerprint(encoder),
        graph.kind: graph.settings,
        "inputs": {n: f"{t.dtype}, {t.ndim} axes".replace("torch.", "")
                   for n, t in graph.features.items()},
        "use": graph.use,
    }  # fmt: skip
    _write_graph(encoder, graph, folder / GRAPH, int8=int8)
    _write_tokenizer(encoder, folder)
    write_json(folder / CONFIG, config)
    return _tried(encoder, folder, graph, int8=int8)


def _graph(encoder: Encoder) -> _Graph:
    if type(encoder).__name__ in ("TransformerText", "LayersText"):
        return _text(encoder)
    if type(encoder) is StaticText:
        return _bag(encoder)
    if isinstance(encoder, ImageEncoder) and not isinstance(encoder, OnnxEncoder):
        return _image(encoder)
    raise InputError(
        f"export: found {type(encoder).__name__}; expected a TransformerText, a StaticText or an "
        "image encoder (of several towers, one)"
    )


def _text(encoder: Any) -> _Graph:
    length = min(8, encoder.max_length)
    ids = torch.full((2, length), encoder._pad, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, length // 2 :] = 0
    features = {"input_ids": ids, "attention_mask": mask}
    if encoder._segments:
        features["token_type_ids"] = torch.zeros_like(ids)

    def vectors(encoder: Any, features: Features) -> Tensor:
        found: Tensor = encoder._finished(
            encoder._vectors(encoder._run(features), features["attention_mask"])
        )
        return found

    settings = {
        "prompts": encoder.prompts,
        "max_length": encoder.max_length,
        "pad": encoder._pad,
        "segments": encoder._segments,
    }
    use = [
        "put the prompt of the role (query or document) before every text",
        "tokenise with tokenizer.json, special tokens too; it cuts at max_length",
        "input_ids (n, length): pad with `pad` on the right; attention_mask: 1 for tokens, else 0",
        "vectors (n, dim) come out",
    ]
    return _Graph("text", vectors, features, settings, use, TEXTS)


def _bag(encoder: StaticText) -> _Graph:
    # Sizes that are all different, so that none is taken for another.
    features: Features = {
        "tokens": torch.arange(5) % encoder.tokenizer.size,
        "places": torch.zeros(5, dtype=torch.int64),
        "counts": torch.ones(5),
        "offsets": torch.tensor([0, 2, 2]),
        "role": torch.tensor(0),
    }
    if encoder.pooling == "linear":
        del features["places"]
    if encoder.shared:
        del features["role"]
    settings = {
        "tokenizer": encoder.tokenizer.settings(),
        "pooling": encoder.pooling,
        "shared": encoder.shared,
    }
    use = [
        "the bags of n texts one after the other: tokens (t) are rows of the table, each once a "
        "text (and place), counts (t) how often it stands there, offsets (n) where each bag begins",
        *([] if encoder.shared else ["role: 0 for queries, 1 for documents"]),
        "tokens by tokenizer.json without special tokens, or, where known.npy is there, as "
        "dipole.encoders.text_hashing says; vectors (n, dim) come out",
    ]
    return _Graph("bag", bag_vectors, features, settings, use, [*TEXTS, ""])


def bag_vectors(encoder: Any, features: Features) -> Tensor:
    """What `StaticText.forward` computes, in operations that ONNX has: no embedding bag."""
    features = {"role": torch.tensor(0)} | features  # of a shared table the only one
    tokens, offsets = features["tokens"], features["offsets"]
    flat = _rows(encoder, tokens) * encoder._weights(features)[:, None]
    # 1 where a bag begins; of empty ones, where the next does.
    begins = torch.zeros(tokens.shape[0] + 1, dtype=torch.int64)
    begins = begins.scatter_add(0, offsets, torch.ones_like(offsets))
    bag = begins.cumsum(0)[: tokens.shape[0]] - 1
    summed = torch.zeros(offsets.shape[0], encoder.dim).index_add(0, bag, flat)
    found: Tensor = encoder._unit(summed)
    return found


def _rows(encoder: Any, tokens: Tensor) -> Tensor:
    if not hasattr(encoder, "table"):
        found: Tensor = encoder.vectors[tokens]
        return found
    return encoder.table[tokens].float() * encoder.steps[tokens][:, None]


def _image(encoder: ImageEncoder) -> _Graph:
    settings = {"size": list(encoder.size), "channels": encoder.channels}
    pretrained = isinstance(encoder, PretrainedImage)
    how = "resized and cropped by preprocessor_config.json" if pretrained else "pooled by area"
    use = [
        f"image (n, channels, height, width): values from 0 to 1, {how} to `size`; mean "
        "and deviation are part of the graph",
        "vectors (n, dim) come out",
    ]
    shape = (*encoder.size, encoder.channels)
    noise = list(np.random.default_rng(0).integers(0, 256, (5, *shape), np.uint8))
    features = {"image": torch.rand(2, encoder.channels, *encoder.size)}
    kind = "pretrained image" if pretrained else "image"
    return _Graph(kind, lambda e, f: e.forward(f), features, settings, use, noise)


class _Traced(nn.Module):
    """An encoder as a module of tensors, in their order."""

    def __init__(self, encoder: Encoder, graph: _Graph) -> None:
        super().__init__()
        self.encoder = encoder
        self.names, self.function = list(graph.features), graph.function

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.function(self.encoder, dict(zip(self.names, tensors, strict=True)))


def _write_graph(encoder: Encoder, graph: _Graph, path: Path, *, int8: bool) -> None:
    copied = copy.deepcopy(encoder).cpu().float().eval()
    _standardise(copied)
    if int8 and isinstance(copied, StaticText):
        _in_bytes(copied)
    weights = sum(t.numel() * t.element_size() for t in copied.state_dict().values())
    auto = torch.export.Dim.AUTO
    # Sizes of images stand; those of batches and texts, which are given other numbers, do not.
    free = {name: range(1) if graph.kind.endswith("image") else range(t.ndim)
            for name, t in graph.features.items()}  # fmt: skip
    passes: Any = optional("onnx_ir.passes.common", "onnx")
    with _quiet(), torch.no_grad(), scratch(path.parent) as folder:
        whole = folder / GRAPH
        program: Any = torch.onnx.export(
            _Traced(copied, graph).eval(),
            tuple(graph.features.values()),
            input_names=list(graph.features),
            output_names=["vectors"],
            dynamo=True,
            dynamic_shapes=(tuple(dict.fromkeys(axes, auto) for axes in free.values()),),
            verbose=False,
        )
        # Where each operation came from: paths of this machine, and most of a small file.
        passes.ClearMetadataAndDocStringPass()(program.model)
        program.save(whole, external_data=weights > _LARGE)
        if int8 and graph.kind != "bag":
            quantization = optional("onnxruntime.quantization", "onnx")
            small = folder / "small" / GRAPH
            small.parent.mkdir()
            quantization.quantize_dynamic(whole, small, use_external_data_format=weights > _LARGE)
            whole = small
        for file in whole.parent.glob(f"{GRAPH}*"):
            file.rename(path.parent / file.name)


def _standardise(encoder: Encoder) -> None:
    """Filters as they are used: a graph need not make them anew, and can be quantised."""
    for module in list(encoder.modules()):
        if isinstance(module, StandardisedConv):
            module.weight.data = module.standardised()
            module.__class__ = nn.Conv2d  # type: ignore[assignment]


def _in_bytes(encoder: Any) -> None:
    """The table of a bag in steps of its rows: e_t = step_t q_t, q_t from -127 to 127."""
    vectors = encoder.vectors.detach()
    steps = vectors.abs().amax(1) / 127
    table = (vectors / steps.masked_fill(steps == 0, 1.0)[:, None]).round().to(torch.int8)
    encoder.register_buffer("table", table)
    encoder.register_buffer("steps", steps)
    del encoder.vectors


def _write_tokenizer(encoder: Any, folder: Path) -> None:
    if isinstance(encoder, PretrainedImage):
        encoder.preprocessing.save(folder)
    elif isinstance(encoder, TransformerText):
        encoder._tokens.save(str(folder / TOKENIZER))
    elif isinstance(encoder, StaticText) and isinstance(encoder.tokenizer, Pieces):
        encoder.tokenizer.tokenizer.save(str(folder / TOKENIZER))
    elif isinstance(encoder, StaticText) and isinstance(encoder.tokenizer, HashedWords):
        np.save(folder / KNOWN, encoder.tokenizer.known)


def _tried(encoder: Encoder, folder: Path, graph: _Graph, *, int8: bool) -> float:
    """How far the vectors of the written folder are from the encoder's."""
    again, worst = OnnxEncoder.load(folder), 0.0
    for role in ("query", "document"):
        ours = encoder.encode(graph.inputs, role, dtype="float32")
        worst = max(worst, float(np.abs(again.encode(graph.inputs, role) - ours).max()))
    if not int8 and not worst <= TOLERANCE:
        raise RunError(
            f"{folder}: vectors of the graph differ by {worst:.1e} from those of the encoder; "
            f"expected at most {TOLERANCE}, and this encoder cannot be exported"
        )
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """No notes of the exporter to its developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
