from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from dipole.encoders.folder import read_weights, write_weights
from dipole.encoders.transformers_io import read_tokenizer, read_transformer
from dipole.errors import InputError


@pytest.fixture
def copy(tmp_path: Path, tiny: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def test_no_pooler_is_made_up(tiny: Path) -> None:
    first, second = (read_transformer(tiny).state_dict() for _ in range(2))
    assert not any("pooler" in name for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_saved_pooler_is_kept_and_not_trained(copy: Path) -> None:
    path = copy / "model.safetensors"
    pooler = {"pooler.dense.weight": torch.randn(32, 32), "pooler.dense.bias": torch.randn(32)}
    write_weights(path, read_weights(path) | pooler)
    model = read_transformer(copy)
    assert torch.equal(model.pooler.dense.bias, pooler["pooler.dense.bias"])
    assert not any(p.requires_grad for p in model.pooler.parameters())
    assert all(p.requires_grad for n, p in model.named_parameters() if "pooler" not in n)


def test_half_precision_weights_become_float32(copy: Path) -> None:
    path = copy / "model.safetensors"
    write_weights(path, {k: v.half() for k, v in read_weights(path).items()})
    assert {p.dtype for p in read_transformer(copy).parameters()} == {torch.float32}


def test_nothing_is_printed(tiny: Path, copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read_transformer(tiny)
    read_tokenizer(tiny)
    assert capfd.readouterr() == ("", "")


def test_lower_case(copy: Path) -> None:
    plain, lower = read_tokenizer(copy), read_tokenizer(copy, lower_case=True)
    assert plain("FILE")["input_ids"] != plain("file")["input_ids"]
    assert lower("FILE")["input_ids"] == plain("file")["input_ids"]


def test_weights_cut_short(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"model\.safetensors: not a whole safetensors file"):
        read_transformer(copy)


def test_weights_that_are_not_all_there(copy: Path) -> None:
    path = copy / "model.safetensors"
    weights = read_weights(path)
    del weights["encoder.layer.1.output.dense.weight"]
    write_weights(path, weights)
    with pytest.raises(InputError, match=r"lack 1 tensors of a BertModel, encoder\.layer\.1"):
        read_transformer(copy)


def test_weights_of_another_shape(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    with pytest.raises(
        InputError, match=r"dense\.bias is \(64,\); expected \(128,\) by config\.json"
    ):
        read_transformer(copy)


def test_pickled_weights_are_not_read(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no model\.safetensors .*holds .*pytorch_model\.bin"):
        read_transformer(copy)


def test_an_unknown_architecture(copy: Path) -> None:
    (copy / "config.json").write_text(json.dumps({"model_type": "holograph"}))
    with pytest.raises(InputError, match=r"^[^\n]*not a transformer [^\n]*holograph[^\n]*$"):
        read_transformer(copy)


def test_no_tokenizer(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"no tokenizer\.json or vocab\.txt .*holds config\.json"):
        read_tokenizer(copy)


def test_a_broken_tokenizer(copy: Path) -> None:
    (copy / "tokenizer.json").write_text('{"version": ')
    with pytest.raises(InputError, match=r"^[^\n]*not a tokenizer[^\n]*$"):
        read_tokenizer(copy)
