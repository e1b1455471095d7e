"""Folders of other libraries: every setting in them counts, here and where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, processors

from dipole.encoders import fingerprint
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.heads import ProjectionHead
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from support.st_folders import TEXTS, both_ways, dense, saved, theirs

# What sentence-transformers and transformers warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    "pooling",
    ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken",
     ("cls", "mean"), ("mean", "max", "cls")],
    ids=str,
)  # fmt: skip
def test_every_pooling(tiny: Path, tmp_path: Path, pooling: Any) -> None:
    encoder = both_ways(saved(tiny, tmp_path / "st", pooling=pooling), tmp_path)
    assert encoder.dim == (32 if isinstance(pooling, str) else 32 * len(pooling))


def test_older_flags_of_several_poolings(tiny: Path, tmp_path: Path) -> None:
    folder = saved(tiny, tmp_path / "st")
    path = next(folder.glob("*Pooling")) / "config.json"
    flags = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    write_json(path, {"word_embedding_dimension": 32, **flags, "pooling_mode_max_tokens": False})
    assert both_ways(folder, tmp_path).pooling == "cls+mean"


@pytest.mark.parametrize("kind", ["dense", "chain", "residual", "layer norm", "normalize first"])
def test_modules_after_the_pooling(tiny: Path, tmp_path: Path, kind: str) -> None:
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import LayerNorm

    norm = LayerNorm(16)
    torch.nn.init.normal_(norm.norm.weight)
    after = {
        "dense": [dense(32, 16, torch.nn.Tanh())],
        "chain": [dense(32, 48, torch.nn.GELU()), dense(48, 8, None, bias=False), Normalize()],
        "residual": [dense(32, 32, torch.nn.ReLU(), use_residual=True),
                     dense(32, 16, None, use_residual=True)],
        "layer norm": [dense(32, 16, torch.nn.Sigmoid()), norm, Normalize()],
        "normalize first": [Normalize(), dense(32, 16, torch.nn.Tanh())],
    }[kind]  # fmt: skip
    encoder = both_ways(saved(tiny, tmp_path / "st", *after), tmp_path)
    assert encoder.normalize == (kind in ("chain", "layer norm"))


def test_what_stands_after_the_pooling_is_trained_saved_and_cut(tiny: Path, tmp_path: Path) -> None:
    encoder = TransformerText.load(saved(tiny, tmp_path / "st", dense(32, 16, torch.nn.Tanh())))
    assert (encoder.backbone_dim, encoder.dim) == (16, 16)
    before = fingerprint(encoder)
    encoder.train()
    encoder(encoder.prepare(TEXTS)).sum().backward()
    after = [p for name, p in encoder.named_parameters() if name.startswith("after.")]
    assert len(after) == 2
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in after)
    with torch.no_grad():
        after[0].mul_(2.0)
    assert fingerprint(encoder) != before
    encoder.eval().save(tmp_path / "ours")
    expected = encoder.encode(TEXTS, dtype="float32")
    np.testing.assert_allclose(theirs(tmp_path / "ours").encode(TEXTS), expected, atol=1e-5)
    assert encoder.cut(1).encode(TEXTS).shape == (4, 16)
    encoder.head = ProjectionHead(16, 5)
    assert encoder.train()(encoder.prepare(TEXTS)).shape == (4, 5)


def test_truncated_vectors(tiny: Path, tmp_path: Path) -> None:
    from sentence_transformers.base.modules import Normalize

    folder = saved(tiny, tmp_path / "st", Normalize(), truncate_dim=12)
    encoder = both_ways(folder, tmp_path)
    assert (encoder.dim, encoder.truncate_dim) == (12, 12)
    write_json(
        folder / "config_sentence_transformers.json",
        read_json(folder / "config_sentence_transformers.json") | {"truncate_dim": 33},
    )
    with pytest.raises(InputError, match="truncate_dim: found 33; expected a whole number, 1 to 3"):
        TransformerText.load(folder)


def test_prompts_of_any_name_stay(tiny: Path, tmp_path: Path) -> None:
    prompts = {"query": "find: ", "document": "text: ", "clustering": "group: "}
    folder = saved(tiny, tmp_path / "st", prompts=prompts, default_prompt_name="clustering")
    encoder = both_ways(folder, tmp_path)
    assert encoder.prompts == {"query": "find: ", "document": "text: "}
    again = theirs(tmp_path / "ours")
    assert (again.prompts, again.default_prompt_name) == (prompts, "clustering")


def test_a_default_prompt_of_an_old_folder_is_for_both_roles(tiny: Path, tmp_path: Path) -> None:
    folder = saved(tiny, tmp_path / "st")
    config = {"prompts": {"all": "a thing: "}, "default_prompt_name": "all"}
    write_json(folder / "config_sentence_transformers.json", config)
    encoder = TransformerText.load(folder)
    expected = theirs(folder).encode(TEXTS)
    encoder.save(tmp_path / "ours")
    for found in (encoder.encode(TEXTS, "query", dtype="float32"),
                  encoder.encode(TEXTS, dtype="float32"),
                  theirs(tmp_path / "ours").encode(TEXTS)):  # fmt: skip
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_text_is_cut_on_the_side_the_tokenizer_says(
    tiny: Path, tmp_path: Path, side: str
) -> None:
    folder = saved(tiny, tmp_path / "st")
    path = folder / "tokenizer_config.json"
    write_json(path, read_json(path) | {"truncation_side": side, "model_max_length": 9})
    encoder = both_ways(folder, tmp_path)
    kept = encoder.prepare([TEXTS[3]])["input_ids"][0].tolist()
    whole = encoder.tokenizer(TEXTS[3], truncation=False)["input_ids"]
    assert len(kept) == 9 < len(whole)
    assert kept[1:-1] == (whole[-8:-1] if side == "left" else whole[1:8])
    assert encoder.cut(2).encode(TEXTS).shape == (4, 32)


def test_a_truncation_side_that_is_none(tiny: Path) -> None:
    encoder = TransformerText.load(tiny)
    encoder.tokenizer.truncation_side = "middle"
    with pytest.raises(InputError, match="truncation_side is 'middle'; expected left or right"):
        encoder.cut(1)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_tokenizer_without_a_padding_token(gpt2: Path, tmp_path: Path, pooling: str) -> None:
    encoder = TransformerText.load(gpt2, pooling=pooling)
    expected = encoder.encode(TEXTS, dtype="float32")
    encoder.save(tmp_path / "first")
    np.testing.assert_allclose(theirs(tmp_path / "first").encode(TEXTS), expected, atol=1e-5)
    again = both_ways(tmp_path / "first", tmp_path)
    assert fingerprint(again) == fingerprint(encoder)
    np.testing.assert_array_equal(again.encode([""]), encoder.encode([""]))


def test_the_end_stays_where_the_tokenizer_puts_it(gpt2: Path, tmp_path: Path) -> None:
    """A decoder of which the last token is the end, also of a text that is cut."""
    from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

    inner = Tokenizer.from_file(str(gpt2 / "tokenizer.json"))
    end = "<|endoftext|>"
    inner.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, 0)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=end, pad_token=end, padding_side="left",
        model_max_length=12,
    ).save_pretrained(tmp_path / "llama")  # fmt: skip
    config = LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaModel(config).save_pretrained(tmp_path / "llama")
    encoder = TransformerText.load(tmp_path / "llama", pooling="last")
    encoder.save(tmp_path / "first")
    both_ways(tmp_path / "first", tmp_path)
    assert encoder.prepare([TEXTS[3]])["input_ids"][0, -1] == 0
