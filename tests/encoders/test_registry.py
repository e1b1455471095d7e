"""Encoders by name: every option is a setting of the encoder, of its type and of its size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dipole.encoders import load_encoder
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.heads import ExpertsHead, ProjectionHead
from dipole.encoders.registry import make_encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

TEXTS = ["open a file", "close the socket", "sort a list"]
IMAGES = list(np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("static", {"dim": -1}, "StaticText: dim: found -1; expected a whole number, 1 or more"),
        ("static", {"dim": 10**12}, r"tokens of dim 1,000,000,000,000: needs .* GB of memory"),
        ("static", {"dim": "x"}, "option 'dim': found 'x'; expected a whole number"),
        ("static", {"dim": 8.0}, "option 'dim': found 8.0; expected a whole number"),
        ("static", {"dim": True}, "option 'dim': found True; expected a whole number"),
        ("static", {"dmi": 8}, "option 'dmi': no such setting; did you mean 'dim'"),
        ("static", {"dropout": math.nan}, "option 'dropout': found nan; expected finite numbers"),
        ("static", {"dropout": 1.0}, "dropout is 1.0; expected 0 up to below 1"),
        ("static", {"decay": [1, math.inf]}, r"option 'decay': found \[1, inf\]; expected finite"),
        ("static", {"decay": 1}, "option 'decay': found 1; expected a list of 2"),
        ("static", {"grams": [0]}, "grams: found 0; expected a whole number, 1 or more"),
        ("static", {"buckets": -3}, "buckets: found -3; expected a whole number, 1 or more"),
        ("static", {"buckets": 10**12}, "tokens of dim 512: needs .* GB of memory"),
        ("static", {"vocabulary": 0}, "vocabulary: found 0; expected a whole number"),
        ("static", {"tokenizer": "words"}, "option 'tokenizer': found 'words'; expected hashed"),
        ("static", {"shared": "yes"}, "option 'shared': found 'yes'; expected true or false"),
        ("vit", {"heads": "x"}, "option 'heads': found 'x'; expected a whole number"),
        ("vit", {"heads": 0}, "ViTImage: heads: found 0; expected a whole number, 1 or more"),
        ("vit", {"depth": -1}, "ViTImage: depth: found -1; expected a whole number, 1 or more"),
        ("vit", {"patch": -2}, "ViTImage: patch: found -2; expected a whole number, 1 or more"),
        ("vit", {"dim": 4 * 10**9}, "ViTImage: dim 4000000000, depth 4: needs .* GB of memory"),
        ("conv", {"widths": []}, "ConvImage: widths are empty; expected"),
        ("conv", {"widths": [8, 0]}, "ConvImage: widths: found 0; expected a whole number"),
        ("conv", {"widths": [10**7, 10**7]}, "ConvImage: widths .*: needs .* GB of memory"),
        ("conv", {"head": {"otu": 3}}, "head option 'otu': no such setting; did you mean 'out'"),
        ("conv", {"head": {"hidden": 3}}, "head: found no out; expected the size of its output"),
        ("conv", {"head": {"out": "x"}}, "head option 'out': found 'x'; expected a whole number"),
        ("conv", {"head": -3}, "head: out: found -3; expected a whole number, 1 or more"),
        ("conv", {"head": "big"}, "option 'head': found 'big'; expected a whole number or a map"),
        ("conv", {"head": 10**12}, "head: needs .* GB of memory"),
        ("conv", {"size": "8x8"}, "option 'size': found '8x8'; expected a whole number"),
        ("resnet", {"width": 0}, "ResNetImage: width: found 0; expected a whole number"),
        ("resnet", {"blocks": -1}, "ResNetImage: blocks: found -1; expected a whole number"),
        ("two-towers", {"dim": 0}, "TwoTowers: dim: found 0; expected a whole number, 1 or more"),
        ("two-towers", {"query": 3}, "option 'query': found 3; expected text"),
        ("two-towers", {"query_options": {"dim": "x"}}, "option 'dim': found 'x'; expected a whol"),
        ("statik", {}, "encoder: found 'statik'; did you mean 'static'"),
    ],
)
def test_options_that_are_none(name: str, options: dict[str, Any], message: str) -> None:
    inputs: list[Any] = TEXTS if name in ("static", "two-towers", "statik") else IMAGES
    with pytest.raises(InputError, match=message) as caught:
        make_encoder(name, inputs, inputs, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": "9"}, "option 'max_length': found '9'; expected a whole number or none"),
        ({"max_length": 0}, "max_length is 0; expected more than 2"),
        ({"pooling": 3}, "option 'pooling': found 3; expected text or none"),
        ({"normalize": 1}, "option 'normalize': found 1; expected true or false or none"),
        ({"truncate_dim": 99}, "truncate_dim: found 99; expected a whole number, 1 to 32"),
        ({"trust_code": True}, "option 'trust_code': no such setting"),
        ({"head": {"out": 4, "active": 2}}, "head: found active without experts; expected both"),
        ({"head": {"out": 4, "experts": 0}}, "head: experts: found 0; expected a whole number"),
        ({"head": {"out": 4, "experts": 2, "active": 3}}, "active: found 3 of 2 experts"),
        ({"head": {"out": 4, "batch_norm": True}}, "batch_norm without a hidden layer"),
    ],
)
def test_options_of_a_folder_that_are_none(
    tiny: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_encoder(str(tiny), TEXTS, TEXTS, **options)


def test_heads_by_option(tiny: Path) -> None:
    for given, kind in ((4, ProjectionHead), ({"out": 4, "experts": 2}, ExpertsHead)):
        encoder = make_encoder(str(tiny), TEXTS, TEXTS, head=given)
        assert isinstance(encoder, TransformerText)
        assert isinstance(encoder.head, kind)
        assert encoder.head.out == 4


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("lora", {"rank": 0}, "adapter option 'rank': found 0; expected a whole number, 1 or more"),
        ("lora", {"rank": 10**12}, "adapter option 'rank': needs .* GB of memory"),
        ("lora", {"alpha": math.nan}, "adapter option 'alpha': found nan; expected a finite"),
        ("lora", {"dropout": 1}, "adapter option 'dropout': found 1; expected 0 up to below 1"),
        ("lora", {"targets": 3}, "adapter option 'targets': found 3; expected text or a list"),
        (
            "lora",
            {"rnak": 3},
            "adapter option 'rnak': lora has no such setting; did you mean 'rank'",
        ),
        ("prompt", {"length": "x"}, "adapter option 'length': found 'x'; expected a whole number"),
        ("prefix", {"length": -1}, "adapter option 'length': found -1; expected a whole number"),
        ("bottleneck", {"reduction": 1.5}, "adapter option 'reduction': found 1.5; expected a who"),
        ("bottleneck", {"placement": 3}, "adapter option 'placement': found 3; expected text"),
    ],
)
def test_options_of_an_adapter_that_are_none(
    tiny: Path, kind: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        AdaptedText.add(TransformerText.load(tiny), tiny, kind, **options)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "static",
            {"dim": -1},
            r"config\.json: StaticText: dim: found -1; expected a whole number",
        ),
        (
            "static",
            {"dropout": math.nan},
            r"config\.json: StaticText: dropout: found nan; expected",
        ),
        ("static", {"pooling": "max"}, r"config\.json: StaticText: pooling is 'max'; expected"),
        ("vit", {"depth": -1}, r"not a saved ViTImage \(ViTImage: depth: found -1; expected"),
        ("vit", {"heads": 0}, r"not a saved ViTImage \(ViTImage: heads: found 0; expected"),
        ("conv", {"widths": []}, r"not a saved ConvImage \(ConvImage: widths are empty"),
        ("conv", {"size": [8]}, r"not a saved ConvImage \(size: found \[8\]; expected"),
        ("conv", {"channels": "1"}, r"not a saved ConvImage \(channels: found '1'; expected"),
        ("resnet", {"width": -4}, r"not a saved ResNetImage \(ResNetImage: width: found -4"),
    ],
)
def test_values_in_a_saved_config_that_are_none(
    tmp_path: Path, name: str, change: dict[str, Any], message: str
) -> None:
    inputs: list[Any] = TEXTS if name == "static" else IMAGES
    make_encoder(name, inputs, inputs).save(tmp_path)
    path = tmp_path / "config.json"
    write_json(path, read_json(path) | change)
    with pytest.raises(InputError, match=message):
        load_encoder(tmp_path)
