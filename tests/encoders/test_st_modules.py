"""Folders of other libraries: every setting in them counts, here and where they come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from dipole.encoders import fingerprint, load_encoder
from dipole.encoders.folder import read_json, read_weights, write_json, write_weights
from dipole.encoders.heads import ProjectionHead
from dipole.encoders.st_modules import Dense
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# What sentence-transformers and transformers warn of is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")
TEXTS = [
    "open a file and read it line by line",
    "sort",
    "  the number of seconds  ",
    "a mapping from names to values, in the order they were added, and then many words more",
]


def theirs(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def both_ways(source: Path, tmp_path: Path, texts: list[str] = TEXTS) -> TransformerText:
    """The vectors of a folder are those of sentence-transformers; so are those of what we save."""
    encoder = TransformerText.load(source)
    encoder.save(tmp_path / "ours")
    other, again = theirs(source), theirs(tmp_path / "ours")
    back = TransformerText.load(tmp_path / "ours")
    assert fingerprint(back) == fingerprint(encoder)
    for role in ("query", "document"):
        found = encoder.encode(texts, role, dtype="float32")  # type: ignore[arg-type]
        assert found.shape[1] == encoder.dim == other.get_embedding_dimension()
        np.testing.assert_allclose(found, getattr(other, f"encode_{role}")(texts), atol=1e-5)
        np.testing.assert_allclose(found, getattr(again, f"encode_{role}")(texts), atol=1e-5)
        np.testing.assert_array_equal(found, back.encode(texts, role, dtype="float32"))  # type: ignore[arg-type]
    np.testing.assert_allclose(again.encode(texts), other.encode(texts), atol=1e-5)
    return encoder


def saved(tiny: Path, folder: Path, *after: Any, pooling: Any = "mean", **options: Any) -> Path:
    """A folder that sentence-transformers itself wrote."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    modules = [Transformer(str(tiny)), Pooling(32, pooling), *after]
    SentenceTransformer(modules=modules, device="cpu", **options).save(
        str(folder), create_model_card=False
    )
    return folder


def dense(dim: int, out: int, activation: Any = None, **options: Any) -> Any:
    from sentence_transformers.base.modules import Dense

    torch.manual_seed(dim + out)
    return Dense(dim, out, activation_function=activation, **options)


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


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder whose tokenizer has no padding token."""
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("gpt2")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    end = "<|endoftext|>"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, bos_token=end, model_max_length=64
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_embd=32, n_layer=2, n_head=2, n_positions=64,
        initializer_range=0.3,
    )  # fmt: skip
    GPT2Model(config).save_pretrained(folder)
    return folder


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


@pytest.fixture
def static(tmp_path: Path, gpt2: Path) -> Path:
    """A StaticEmbedding that sentence-transformers wrote."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(0)
    tokenizer = Tokenizer.from_file(str(gpt2 / "tokenizer.json"))
    modules = [StaticEmbedding(tokenizer, embedding_dim=12), Normalize()]
    folder = tmp_path / "static"
    SentenceTransformer(modules=modules, device="cpu").save(str(folder), create_model_card=False)
    return folder


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_static_embedding_that_cuts_texts_and_vectors(static: Path) -> None:
    tokenizer = Tokenizer.from_file(str(static / "tokenizer.json"))
    tokenizer.enable_truncation(5)
    tokenizer.save(str(static / "tokenizer.json"))
    np.testing.assert_allclose(
        load_encoder(static).encode(TEXTS), theirs(static).encode(TEXTS), atol=1e-5
    )
    path = static / "config_sentence_transformers.json"
    write_json(path, read_json(path) | {"truncate_dim": 7})
    encoder = load_encoder(static)
    assert encoder.dim == 7
    np.testing.assert_allclose(encoder.encode(TEXTS), unit(theirs(static).encode(TEXTS)), atol=1e-5)
    write_json(path, read_json(path) | {"prompts": {"query": "q: "}})
    with pytest.raises(InputError, match="found prompts; expected none"):
        load_encoder(static)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_layout_of_model2vec(static: Path, dtype: str, shared: bool) -> None:
    """Tables of any type, with tokens that share rows and have weights of their own."""
    table = read_weights(static / "model.safetensors")["embedding.weight"]
    rng = torch.Generator().manual_seed(1)
    weights = {"embeddings": (table * 40).round().to(getattr(torch, dtype))}
    if shared:
        weights = {
            "embeddings": weights["embeddings"][:50].clone(),
            "mapping": torch.randint(0, 50, (len(table),), generator=rng),
            "weights": torch.rand(len(table), generator=rng).double(),
        }
    write_weights(static / "model.safetensors", weights)
    folded = weights["embeddings"].float()
    if shared:
        folded = folded[weights["mapping"]] * weights["weights"].float()[:, None]
    tokenizer = Tokenizer.from_file(str(static / "tokenizer.json"))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    expected = unit(np.stack([folded[i].sum(0).numpy() for i in ids]))
    np.testing.assert_allclose(load_encoder(static).encode(TEXTS), expected, atol=1e-5)
    if dtype != "int8" or shared:  # their bag of vectors has no sum of whole numbers
        np.testing.assert_allclose(theirs(static).encode(TEXTS), expected, atol=2e-3)
    # The folder of that library alone.
    (static / "modules.json").unlink()
    write_json(static / "config.json", {"model_type": "model2vec", "normalize": True})
    np.testing.assert_allclose(load_encoder(static).encode(TEXTS), expected, atol=1e-5)


def test_unknown_tokens_are_left_out_of_a_folder_of_model2vec_alone(
    static: Path, tiny: Path
) -> None:
    shutil.copy(tiny / "tokenizer.json", static / "tokenizer.json")
    write_weights(static / "model.safetensors", {"embeddings": torch.randn(150, 12)})
    texts = ["close the socket", "close ☃☃ the ☃ socket"]
    one, two = load_encoder(static).encode(texts)
    assert np.abs(one - two).max() > 1e-3
    (static / "modules.json").unlink()
    write_json(static / "config.json", {"model_type": "model2vec"})
    one, two = load_encoder(static).encode(texts)
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"embeddings": torch.ones(9, 2), "scale": torch.ones(1)}, "found embeddings, scale; exp"),
        ({"table": torch.ones(9, 2)}, r"found table; expected embedding\.weight"),
        (
            {"embeddings": torch.ones(9, 2), "mapping": torch.tensor([0, 9])},
            "mapping names rows up to 9; expected 0 to 8",
        ),
        ({"embeddings": torch.ones(9, 2), "weights": torch.ones(8)}, r"weights are \(8,\); expec"),
        ({"embeddings": torch.ones(9, 2)}, r"vectors are \(9, 2\); expected \(\d+, dim\)"),
    ],
)
def test_tables_that_are_none(static: Path, weights: Any, message: str) -> None:
    write_weights(static / "model.safetensors", weights)
    with pytest.raises(InputError, match=message):
        load_encoder(static)


def test_json_is_no_place_for_anything_else(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (folder / "config.json").write_text(json.dumps([1]))
    with pytest.raises(InputError, match="neither encoder nor model_type"):
        load_encoder(folder)
