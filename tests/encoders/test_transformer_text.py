from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.encoders import fingerprint, load_encoder
from dipole.encoders.heads import ProjectionHead
from dipole.encoders.pooling import POOLINGS, check_pooling
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

# sentence-transformers is the other road to every vector here; what it warns of is not ours.
theirs = pytest.mark.filterwarnings("ignore")


def sentence_transformer(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> TransformerText:
    return TransformerText.load(tiny)


@given(st.permutations(range(8)), st.integers(1, 100), st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_order_and_values_do_not_depend_on_batching(
    encoder: TransformerText, sentences: list[str], order: list[int], budget: int, window: int
) -> None:
    once = np.concatenate([encoder.encode([text], dtype="float32") for text in sentences])
    encoder.window = window
    shuffled = encoder.encode([sentences[i] for i in order], dtype="float32", token_budget=budget)
    np.testing.assert_allclose(shuffled, once[order], atol=1e-5)


def test_batches_keep_to_the_budget_and_pad_little(
    encoder: TransformerText, sentences: list[str]
) -> None:
    encoder.window = 100
    batches = list(encoder.batches(sentences * 5, "document", 40))
    assert sorted(i for indices, _ in batches for i in indices) == list(range(40))
    masks = [features["attention_mask"] for _, features in batches]
    assert all(mask.numel() <= 40 for mask in masks)
    assert sum(int(m.sum()) for m in masks) > 0.9 * sum(m.numel() for m in masks)


@theirs
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("normalize", [True, False])
def test_sentence_transformers_loads_what_is_saved_and_agrees(
    tiny: Path, tmp_path: Path, sentences: list[str], pooling: str, normalize: bool
) -> None:
    encoder = TransformerText.load(
        tiny,
        pooling=check_pooling(pooling),
        normalize=normalize,
        prompts={"query": "open a file: "},
        max_length=9,
    )
    encoder.save(tmp_path)
    other = sentence_transformer(tmp_path)
    assert other.max_seq_length == 9
    assert other.prompts == {"query": "open a file: ", "document": ""}
    queries = encoder.encode(sentences, "query", dtype="float32")
    documents = encoder.encode(sentences, dtype="float32")
    np.testing.assert_allclose(queries, other.encode_query(sentences), atol=1e-5)
    np.testing.assert_allclose(documents, other.encode_document(sentences), atol=1e-5)
    assert np.abs(queries - documents).max() > 1e-2
    assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5) == normalize


@theirs
def test_minilm_both_ways(minilm: Path, tmp_path: Path, sentences: list[str]) -> None:
    texts = [*sentences, "many more words than the others " * 60]
    expected = sentence_transformer(minilm).encode(texts)
    encoder = load_encoder(minilm)
    assert isinstance(encoder, TransformerText)
    assert encoder.max_length == 256
    np.testing.assert_allclose(encoder.encode(texts, dtype="float32"), expected, atol=1e-5)
    encoder.save(tmp_path)
    np.testing.assert_allclose(sentence_transformer(tmp_path).encode(texts), expected, atol=1e-5)
    again = load_encoder(tmp_path)
    np.testing.assert_array_equal(
        again.encode(texts, dtype="float32"), encoder.encode(texts, dtype="float32")
    )
    assert fingerprint(again) == fingerprint(encoder)


@theirs
def test_a_folder_saved_by_sentence_transformers_6_loads(
    minilm: Path, tmp_path: Path, sentences: list[str]
) -> None:
    other = sentence_transformer(minilm)
    other.prompts = {"query": "query: ", "document": "passage: "}
    other.max_seq_length = 12
    other.save(str(tmp_path))
    encoder = TransformerText.load(tmp_path)
    assert encoder.max_length == 12
    vectors = encoder.encode(sentences, "document", dtype="float32")
    np.testing.assert_allclose(vectors, other.encode_document(sentences), atol=1e-5)


def test_bfloat16_keeps_the_direction(minilm: Path, sentences: list[str]) -> None:
    encoder = TransformerText.load(minilm)
    exact = encoder.encode(sentences, dtype="float32")
    rough = encoder.encode(sentences, dtype="bfloat16")
    assert (exact * rough).sum(1).mean() >= 0.9999
    assert not np.array_equal(exact, rough)


def test_padding_on_the_left_or_the_right(encoder: TransformerText, tiny: Path) -> None:
    last = TransformerText.load(tiny, pooling="last")
    last.tokenizer.padding_side = "left"
    short, long = "close the socket", "split a string into words at every space"
    expected = last.encode([short], dtype="float32")
    np.testing.assert_allclose(last.encode([short, long], dtype="float32")[:1], expected, atol=1e-5)


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A decoder with rotary positions whose tokenizer pads on the left and adds no tokens."""
    from tokenizers import Tokenizer
    from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("causal")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=150,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    LlamaModel(config).save_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    tokenizer.post_processor = None
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", padding_side="left"
    ).save_pretrained(folder)
    return folder


@theirs
def test_a_decoder_by_its_last_token(causal: Path, tmp_path: Path, sentences: list[str]) -> None:
    encoder = TransformerText.load(causal, pooling="last")
    texts = [text for text in sentences if text]
    together = encoder.encode(texts, dtype="float32")
    alone = np.concatenate([encoder.encode([text], dtype="float32") for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    encoder.save(tmp_path)
    np.testing.assert_allclose(together, sentence_transformer(tmp_path).encode(texts), atol=1e-5)


def test_a_text_without_any_token_has_a_finite_vector(causal: Path) -> None:
    for pooling in POOLINGS:
        encoder = TransformerText.load(causal, pooling=check_pooling(pooling))
        vectors = encoder.encode(["", "open a file", ""])
        assert np.isfinite(vectors).all()
        np.testing.assert_array_equal(vectors[0], vectors[2])


def test_the_encoder_of_an_encoder_decoder(
    tmp_path: Path, tiny: Path, sentences: list[str]
) -> None:
    from transformers import AutoTokenizer, T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=150, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, pad_token_id=0
    )
    T5EncoderModel(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    encoder = TransformerText.load(tmp_path)
    assert encoder.encode([*sentences, "file " * 600]).shape == (9, 32)  # no longest text


def test_the_head_is_there_in_training_and_in_checkpoints_and_gone_when_saved(
    tiny: Path, tmp_path: Path, sentences: list[str]
) -> None:
    plain = TransformerText.load(tiny)
    encoder = TransformerText.load(tiny, head=ProjectionHead(32, 5, hidden=16))
    features = encoder.prepare(sentences)
    encoder.train()
    assert encoder(features).shape == (8, 5)
    encoder.eval()
    assert encoder(features).shape == (8, 32)
    np.testing.assert_array_equal(encoder.encode(sentences), plain.encode(sentences))
    assert "head.0.weight" in encoder.state_dict()
    assert fingerprint(encoder) == fingerprint(plain)
    encoder.save(tmp_path)
    saved = TransformerText.load(tmp_path)
    assert saved.head is None
    assert fingerprint(saved) == fingerprint(plain)
    with pytest.raises(InputError, match="head takes 31 values; expected 32"):
        TransformerText.load(tiny, head=ProjectionHead(31, 5))


def test_every_trained_parameter_gets_a_gradient(tiny: Path, sentences: list[str]) -> None:
    encoder = TransformerText.load(tiny, head=ProjectionHead(32, 5)).train()
    (encoder(encoder.prepare(sentences)) @ torch.randn(5)).sum().backward()
    without = [n for n, p in encoder.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_the_fingerprint_knows_every_setting(tiny: Path) -> None:
    base = fingerprint(TransformerText.load(tiny))
    changes: list[dict[str, Any]] = [
        {"pooling": "cls"},
        {"prompts": {"query": "q: "}},
        {"max_length": 10},
        {"normalize": False},
    ]
    prints = {fingerprint(TransformerText.load(tiny, **change)) for change in changes}
    assert len(prints | {base}) == 5
    assert fingerprint(TransformerText.load(tiny)) == base


def test_a_saved_tokenizer_neither_cuts_nor_pads_by_itself(tiny: Path, tmp_path: Path) -> None:
    TransformerText.load(tiny, max_length=4).save(tmp_path)
    back = TransformerText.load(tmp_path, max_length=30)
    assert back.prepare(["open a file and read it line by line"])["input_ids"].shape[1] > 6


@pytest.mark.parametrize(
    ("wrong", "found"),
    [(None, "None"), (3, "an int"), (b"bytes", "bytes"), (np.nan, "nan"), (["b"], "a list")],
)
def test_what_is_no_text_is_named(encoder: TransformerText, wrong: Any, found: str) -> None:
    for call in (encoder.encode, encoder.prepare):
        with pytest.raises(InputError, match=rf"inputs\[1\] is {found}; expected text"):
            call(["a", wrong])


def test_half_of_a_surrogate_pair_is_named(encoder: TransformerText) -> None:
    with pytest.raises(InputError, match=r"inputs\[2\] has half of .* U\+D83D, at character 5"):
        encoder.encode(["a", "b", "half \ud83d"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_length": 2}, "max_length is 2; expected more than 2"),
        ({"pooling": "median"}, "pooling is 'median'"),
        ({"pooling": ""}, "pooling is ''"),
        ({"max_length": 0}, "max_length is 0; expected more than 2"),
        ({"max_length": "9"}, "max_length: found '9'; expected a whole number"),
        ({"truncate_dim": 33}, "truncate_dim: found 33; expected a whole number, 1 to 32"),
        ({"truncate_dim": 0}, "truncate_dim: found 0; expected a whole number, 1 to 32"),
        ({"prompts": {"passage": "p: "}}, "prompts has 'passage'"),
    ],
)
def test_wrong_options_are_named(tiny: Path, option: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransformerText.load(tiny, **option)


def test_max_length_is_at_most_what_the_positions_allow(tiny: Path) -> None:
    assert TransformerText.load(tiny).max_length == 64
    encoder = TransformerText.load(tiny, max_length=1000)
    assert encoder.encode(["file " * 500]).shape == (1, 32)


def test_positions_that_start_after_the_padding_token(tmp_path: Path, tiny: Path) -> None:
    from transformers import AutoTokenizer, RobertaConfig, RobertaModel

    config = RobertaConfig(
        vocab_size=150,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=22,
        pad_token_id=1,
    )
    RobertaModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    encoder = TransformerText.load(tmp_path)
    assert encoder.max_length == 20
    assert np.isfinite(encoder.encode(["file " * 100])).all()


def test_segment_ids_go_along_where_the_tokenizer_gives_any(
    tmp_path: Path, tiny: Path, encoder: TransformerText
) -> None:
    import shutil

    from tokenizers import Tokenizer, processors

    shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A:0 [CLS]:1", special_tokens=[("[CLS]", 2)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    features = TransformerText.load(tmp_path).prepare(["close the socket", "close"])
    segments, mask = features["token_type_ids"], features["attention_mask"]
    assert segments.sum(1).tolist() == [1, 1]
    assert [int(s[m.sum() - 1]) for s, m in zip(segments, mask, strict=True)] == [1, 1]
    assert "token_type_ids" not in encoder.prepare(["close"])


def test_a_large_batch_goes_in_parts_of_similar_length(tiny, sentences, monkeypatch):
    """Vectors and gradients are those of the whole padded batch."""
    encoder = TransformerText.load(tiny)
    features = encoder.prepare(sentences * 3)
    weights = torch.randn(len(sentences) * 3, encoder.dim)

    def vectors_and_gradients():
        encoder.zero_grad()
        vectors = encoder(features)
        (vectors * weights).sum().backward()
        return vectors.detach(), [p.grad.clone() for p in encoder.parameters() if p.requires_grad]

    whole = vectors_and_gradients()
    seen = []
    inner = encoder._run
    monkeypatch.setattr(encoder, "default_budget", lambda: 40)
    monkeypatch.setattr(
        encoder, "_run", lambda part: (seen.append(part["input_ids"].shape), inner(part))[1]
    )
    parts = vectors_and_gradients()
    assert len(seen) > 2
    assert all(rows * longest <= 40 or rows == 1 for rows, longest in seen)
    torch.testing.assert_close(parts[0], whole[0], atol=1e-5, rtol=1e-5)
    for found, wanted in zip(parts[1], whole[1], strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_a_shallow_layer_is_shown_beside_the_last_and_can_be_cut_off(tiny, sentences):
    """One pass gives what two encoders would: the whole one, and one of a single layer."""
    encoder = TransformerText.load(tiny)
    cut = encoder.cut(1)
    assert (encoder.layers, cut.layers) == (2, 1)
    assert next(cut.parameters()) is next(encoder.parameters())
    deep, shallow = (e.encode(sentences, dtype="float32") for e in (encoder, cut))
    encoder.train()
    encoder.shallow = 1
    for part in encoder.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    with torch.no_grad():
        both = encoder(encoder.prepare(sentences)).numpy()
    np.testing.assert_allclose(both, np.concatenate([deep, shallow], axis=1), atol=1e-5)
    assert encoder.encode(sentences).shape == (8, 32)  # only in training mode
    with pytest.raises(InputError, match="layer: found 3, expected 1 to 2"):
        encoder.cut(3)


def test_a_cut_encoder_is_saved_and_loaded(tiny, sentences, tmp_path):
    cut = TransformerText.load(tiny).cut(1)
    cut.save(tmp_path / "cut")
    np.testing.assert_allclose(
        TransformerText.load(tmp_path / "cut").encode(sentences), cut.encode(sentences), atol=1e-6
    )


def test_more_tokens_than_the_model_has_positions_are_said(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = TransformerText.load(tiny, max_length=98_765)
    assert encoder.max_length < 98_765
    assert f"the model has {encoder.max_length} positions; longer" in capsys.readouterr().err
