"""Exported graphs: vectors of onnxruntime beside ours, folders that load again, int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.encoders import (
    ConvImage,
    ResNetImage,
    StaticText,
    TransformerText,
    TwoTowers,
    ViTImage,
    fingerprint,
    load_encoder,
)
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.layers_text import LayersText
from dipole.encoders.perceptron import PerceptronImage
from dipole.errors import DipoleError, InputError
from dipole.retrieval import Document, Index

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from dipole.encoders.onnx_export import export_onnx  # noqa: E402

# What torch's exporter warns of is not ours.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

IMAGES = list(np.random.default_rng(1).integers(0, 256, (9, 16, 16, 3), np.uint8))


def check(encoder: Any, folder: Path, inputs: list[Any], within: float = 1e-4) -> Any:
    """Export, load again, and compare: whole batches, one input, both roles."""
    assert export_onnx(encoder, folder) <= within
    again = load_encoder(folder)
    assert (again.dim, again.reads) == (encoder.dim, encoder.reads)
    for role in ("query", "document"):
        ours = encoder.encode(inputs, role, dtype="float32")
        np.testing.assert_allclose(again.encode(inputs, role), ours, atol=within)
        np.testing.assert_allclose(again.encode(inputs[:1], role), ours[:1], atol=within)
    return again


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "mean", "prompts": {"query": "open the ", "document": ""}},
        {"pooling": "cls+last", "max_length": 9, "normalize": False},
        {"pooling": "weighted_mean", "truncate_dim": 12},
    ],
    ids=["mean", "cls+last", "weighted"],
)
def test_transformers(tiny: Path, tmp_path: Path, sentences: list[str], options: Any) -> None:
    check(TransformerText.load(tiny, **options), tmp_path / "x", sentences)


def test_a_decoder_and_several_layers(
    gpt2: Path, tiny: Path, tmp_path: Path, sentences: list[str]
) -> None:
    check(TransformerText.load(gpt2, pooling="last"), tmp_path / "gpt2", sentences)
    layers = LayersText.from_inputs(model=str(tiny), last=2)
    check(layers, tmp_path / "layers", sentences)


def test_lora_is_folded(tiny: Path, tmp_path: Path, sentences: list[str]) -> None:
    pytest.importorskip("peft")
    adapted = AdaptedText.add(TransformerText.load(tiny), tiny, "lora")
    check(adapted, tmp_path / "x", sentences)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shared": True, "pooling": "linear"},
        {"tokenizer": "bpe", "vocabulary": 300},
        {"tokenizer": "bpe", "vocabulary": 300, "pooling": "sublinear", "shared": False},
    ],
    ids=["hashed", "linear", "bpe", "bpe-sublinear"],
)
def test_bags(tmp_path: Path, sentences: list[str], options: Any) -> None:
    texts = [text for text in sentences if text]
    encoder = StaticText.from_texts(texts, texts, dim=24, **options)
    again = check(encoder, tmp_path / "x", ["", *sentences, "unseen words 北京", ""])
    assert not again.encode([""]).any()
    assert again.encode([]).shape == (0, 24)


@pytest.mark.parametrize(
    "encoder",
    [
        ConvImage.from_images(IMAGES, widths=[8, 16]),
        ResNetImage.from_images(IMAGES, width=8),
        ViTImage.from_images(IMAGES, dim=16, depth=2, size=8),
        PerceptronImage.from_images(IMAGES, dim=8, hidden=16),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_images(tmp_path: Path, encoder: Any) -> None:
    check(encoder, tmp_path / "x", IMAGES)


def test_int8(tiny: Path, tmp_path: Path, sentences: list[str]) -> None:
    texts = [text for text in sentences if text]
    encoders = {
        "text": (TransformerText.load(tiny), texts),
        "bag": (StaticText.from_texts(texts, texts, dim=64, buckets=2000), texts),
        "conv": (ConvImage.from_images(IMAGES, widths=[64, 128, 128]), IMAGES),
    }
    for name, (encoder, inputs) in encoders.items():
        export_onnx(encoder, tmp_path / name, int8=True)
        weights = sum(4 * tensor.numel() for tensor in encoder.weights().values())
        overhead = 30_000  # the graph itself, which does not grow with the weights
        size = (tmp_path / name / "model.onnx").stat().st_size
        assert str(Path.home()).encode() not in (tmp_path / name / "model.onnx").read_bytes()
        assert b"site-packages" not in (tmp_path / name / "model.onnx").read_bytes()
        assert size < 0.4 * weights + overhead, (name, size, weights)
        found, ours = load_encoder(tmp_path / name).encode(inputs), encoder.encode(inputs)
        assert ((found * ours).sum(1) > 0.97).all(), name


@pytest.fixture(scope="module")
def bag() -> StaticText:
    texts = ["open a file", "sort a list", "close a socket"]
    return StaticText.from_texts(texts, texts, dim=32)


@pytest.fixture(scope="module")
def exported(bag: StaticText, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export_onnx(bag, folder)
    return folder


def test_an_exported_folder_is_indexed_and_known_again(
    bag: StaticText, exported: Path, tmp_path: Path
) -> None:
    again = load_encoder(exported)
    documents = [Document(str(i), text) for i, text in enumerate(["open a file", "sort a list"])]
    Index.create(tmp_path / "i", again, documents)
    index = Index.open(tmp_path / "i", load_encoder(exported))
    assert index.search("sort a list", k=1)[0].id == "1"
    assert Index.open(tmp_path / "i").search("sort a list", k=1)[0].id == "1"  # with its own copy
    assert fingerprint(again) != fingerprint(bag)
    assert read_json(exported / "config.json")["made_of"] == fingerprint(bag)


def test_what_the_folder_says_is_enough(tiny: Path, tmp_path: Path) -> None:
    """As someone without dipole would use it: config.json, tokenizers and onnxruntime."""
    from tokenizers import Tokenizer

    encoder = TransformerText.load(tiny, prompts={"query": "open ", "document": ""})
    export_onnx(encoder, tmp_path)
    config = read_json(tmp_path / "config.json")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    rows = [tokenizer.encode(config["text"]["prompts"]["query"] + t).ids for t in ("a file", "a")]
    longest = max(map(len, rows))
    ids = [row + [config["text"]["pad"]] * (longest - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {"input_ids": np.array(ids), "attention_mask": np.array(mask)})
    ours = encoder.encode(["a file", "a"], "query", dtype="float32")
    assert list(config["inputs"]) == ["input_ids", "attention_mask"]
    np.testing.assert_allclose(found, ours, atol=1e-4)


def test_mistakes(bag: StaticText, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"export: found TwoTowers; expected a TransformerText, "):
        export_onnx(TwoTowers(bag, bag), tmp_path / "x")
    again = load_encoder(exported)
    with pytest.raises(InputError, match="export: found OnnxBag; expected a TransformerText"):
        export_onnx(again, tmp_path / "y")
    with pytest.raises(InputError, match="inputs: found one text"):
        again.encode("one")
    again.save(tmp_path / "z")
    config = read_json(tmp_path / "z" / "config.json")
    write_json(tmp_path / "z" / "config.json", config | {"kind": "sound"})
    with pytest.raises(InputError, match="kind is 'sound'; expected text, bag, image"):
        load_encoder(tmp_path / "z")
    write_json(tmp_path / "z" / "config.json", config | {"bag": {}})
    with pytest.raises(InputError, match="'tokenizer'; expected the settings of an exported bag"):
        load_encoder(tmp_path / "z")
    write_json(tmp_path / "z" / "config.json", config)
    (tmp_path / "z" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"model\.onnx: not a graph of ONNX"):
        load_encoder(tmp_path / "z")


def test_without_the_extra_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(DipoleError, match=r"onnx is not installed; expected: pip install"):
        export_onnx(StaticText.from_texts(["a"], ["a"], dim=4), tmp_path)
