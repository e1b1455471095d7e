"""Folders of other libraries that lack something, have too much, or bring code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dipole.encoders import fingerprint, load_encoder
from dipole.encoders.folder import read_json, read_weights, write_json, write_weights
from dipole.encoders.st_modules import Dense
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from support.st_folders import TEXTS, dense, saved

# What sentence-transformers and transformers warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


def with_extra(folder: Path, extra: dict[str, torch.Tensor]) -> Path:
    path = folder / "model.safetensors"
    write_weights(path, read_weights(path) | extra)
    return folder


def test_the_head_of_a_language_model_is_one_note(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import BertConfig, BertForMaskedLM

    folder = Path(shutil.copytree(tiny, tmp_path / "mlm"))
    BertForMaskedLM(BertConfig.from_pretrained(tiny)).save_pretrained(folder)
    capsys.readouterr()
    encoder = load_encoder(folder)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("note: ")
    assert "tensors of the file are not used (cls)" in said
    assert encoder.dim == 32


def test_a_pooler_that_nothing_uses_is_one_note(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pooler = {"pooler.dense.weight": torch.randn(32, 32), "pooler.dense.bias": torch.randn(32)}
    folder = with_extra(Path(shutil.copytree(tiny, tmp_path / "pooler")), pooler)
    encoder = load_encoder(folder)
    assert capsys.readouterr().err == (
        f"note: {folder}: 2 tensors of the file are not used (pooler)\n"
    )
    encoder.save(tmp_path / "ours")  # where it is part of the model, and saved as it came
    again = load_encoder(tmp_path / "ours")
    assert capsys.readouterr().err == ""
    assert fingerprint(again) == fingerprint(encoder)


def test_a_tensor_without_a_place_in_a_folder_of_a_whole_model(tiny: Path, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "st")
    with_extra(tmp_path / "st", {"gate.weight": torch.ones(2), "gate.bias": torch.ones(2)})
    message = r"2 tensors of the file are not part of a BertModel by config\.json, gate\.bias"
    with pytest.raises(InputError, match=message):
        load_encoder(tmp_path / "st")


def test_computed_tensors_of_old_files_are_no_matter(tiny: Path, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "st")
    with_extra(tmp_path / "st", {"embeddings.position_ids": torch.arange(64)[None]})
    assert load_encoder(tmp_path / "st").dim == 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": -1}, r"num_hidden_layers is -1; expected a whole number from 1 up"),
        ({"num_hidden_layers": 0}, r"num_hidden_layers is 0; expected a whole number"),
        ({"num_hidden_layers": 1}, r"16 tensors of the file are not part of .* encoder\.layer\.1"),
        (
            {"num_hidden_layers": 3},
            r"the weights lack 16 tensors of a BertModel, encoder\.layer\.2",
        ),
        ({"num_attention_heads": 0}, r"num_attention_heads is 0; expected|not a transformer"),
        ({"num_attention_heads": 3}, r"not a transformer \(.*\)"),
        ({"hidden_size": "large"}, r"hidden_size is 'large'; expected|not a transformer"),
        ({"vocab_size": -5}, r"vocab_size is -5; expected a whole number"),
        ({"hidden_act": "sinus"}, r"not a transformer \(.*\)"),
        ({"max_position_embeddings": "many"}, r"not a transformer|max_position"),
    ],
)
def test_sizes_that_are_none_are_one_line(
    tiny: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    write_json(folder / "config.json", read_json(folder / "config.json") | change)
    with pytest.raises(InputError, match=message) as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation_function": "os.system"}, "activation_function is 'os.system'; expected one"),
        ({"activation_function": "torch.nn.functional.relu"}, "expected one of torch.nn"),
        ({"activation_function": "torch.nn.modules.linear.Linear"}, "expected one of torch.nn"),
        ({"module_input_name": "token_embeddings"}, "Dense of token_embeddings; expected sentenc"),
        ({"in_features": 31}, r"weight is \(16, 32\); expected \(16, 31\)"),
        ({"out_features": -1}, "out_features: found -1; expected a whole number"),
        ({"use_residual": "yes"}, "use_residual is 'yes'; expected true or false"),
        ({"gate": True}, "gate is no setting of Dense known here"),
    ],
)
def test_a_dense_layer_that_is_none(
    tiny: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = saved(tiny, tmp_path / "st", dense(32, 16))
    path = folder / "2_Dense" / "config.json"
    write_json(path, read_json(path) | change)
    with pytest.raises(InputError, match=message) as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


def test_weights_of_a_dense_layer_are_all_there_and_no_more(tiny: Path, tmp_path: Path) -> None:
    folder = saved(tiny, tmp_path / "st", dense(32, 16))
    path = folder / "2_Dense" / "model.safetensors"
    whole = read_weights(path)
    write_weights(path, {"linear.weight": whole["linear.weight"]})
    with pytest.raises(InputError, match=r"linear\.bias is nothing; expected \(16,\)"):
        load_encoder(folder)
    write_weights(path, whole | {"gate": torch.ones(1)})
    with pytest.raises(InputError, match=r"gate is \(1,\); expected nothing"):
        load_encoder(folder)
    path.rename(path.with_name("pytorch_model.bin"))
    with pytest.raises(InputError, match=r"no model\.safetensors; the folder holds .*model\.bin"):
        load_encoder(folder)
    with pytest.raises(InputError, match="Dense: takes vectors of 8; found 32 before it"):
        TransformerText(**parts(tiny), after=[Dense(8, 4)])


def parts(tiny: Path) -> dict[str, Any]:
    encoder = TransformerText.load(tiny)
    return {"transformer": encoder.transformer, "tokenizer": encoder.tokenizer}


def test_code_of_a_folder_is_not_run_unless_it_is_trusted(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "own"))
    ran = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(
        "from pathlib import Path\n"
        "from transformers import BertConfig, BertModel\n"
        f"Path({str(ran)!r}).touch()\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own-bert'\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    auto = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    config = read_json(folder / "config.json") | {"model_type": "own-bert", "auto_map": auto}
    write_json(folder / "config.json", config)
    with pytest.raises(InputError, match=r"own Python code must run \(.*\); expected --trust-code"):
        load_encoder(folder)
    assert not ran.exists()
    vectors = load_encoder(folder, trust_code=True).encode(TEXTS, dtype="float32")
    assert ran.exists()
    np.testing.assert_allclose(
        vectors, load_encoder(tiny).encode(TEXTS, dtype="float32"), atol=1e-5
    )


def test_code_beside_a_model_that_transformers_has_is_a_note(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "own"))
    auto = {"AutoModel": "elsewhere/code--modeling_own.OwnModel"}
    write_json(folder / "config.json", read_json(folder / "config.json") | {"auto_map": auto})
    assert load_encoder(folder).dim == 32
    said = capsys.readouterr().err
    assert "its own Python code (elsewhere/code--modeling_own.OwnModel) is not run" in said
    assert said.count("\n") == 1


def test_json_is_no_place_for_anything_else(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (folder / "config.json").write_text(json.dumps([1]))
    with pytest.raises(InputError, match="neither encoder nor model_type"):
        load_encoder(folder)
