"""A masked language model weighs every word, as the SparseEncoder of sentence-transformers does."""

import json

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import dipole
from dipole.encoders import SparseText, fingerprint, load_encoder
from dipole.errors import InputError
from support.st_folders import TEXTS
from support.tiny_bert import save_tiny_bert

EMPTY = [*TEXTS, ""]


@pytest.fixture(scope="module")
def masked(tmp_path_factory, sentences):
    return save_tiny_bert(tmp_path_factory.mktemp("masked"), sentences, masked=True)


@pytest.fixture
def encoder(masked):
    return SparseText.load(masked)


def theirs(folder):
    from sentence_transformers import SparseEncoder

    return SparseEncoder(str(folder), device="cpu", local_files_only=True)


def saved(folder, masked, **pooling):
    """A folder that sentence-transformers itself wrote."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    modules = [Transformer(str(masked), transformer_task="fill-mask"), SpladePooling(**pooling)]
    prompts = {"query": "find: ", "document": ""}
    options = {"max_active_dims": 20} if pooling.get("pooling_strategy") == "sum" else {}
    model = SparseEncoder(modules=modules, device="cpu", prompts=prompts, **options)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.mark.parametrize("strategy", ["max", "sum"])
def test_their_folder_is_read_and_ours_by_them(masked, tmp_path, strategy):
    source = saved(tmp_path / "theirs", masked, pooling_strategy=strategy)
    encoder = load_encoder(source)
    assert isinstance(encoder, SparseText)
    encoder.save(tmp_path / "ours")
    back = load_encoder(tmp_path / "ours")
    assert fingerprint(back) == fingerprint(encoder)
    for role in ("query", "document"):
        found = encoder.encode(EMPTY, role, dtype="float32")
        assert found.shape == (len(EMPTY), encoder.dim) == (len(EMPTY), 150)
        for folder in (source, tmp_path / "ours"):
            wanted = getattr(theirs(folder), f"encode_{role}")(EMPTY).to_dense().numpy()
            np.testing.assert_allclose(found, wanted, atol=1e-5)
        np.testing.assert_array_equal(found, back.encode(EMPTY, role, dtype="float32"))
    assert (encoder.encode(TEXTS, "query") != encoder.encode(TEXTS, "document")).any()
    assert encoder.max_active_dims == (20 if strategy == "sum" else None)


def test_the_weight_of_a_word_is_that_of_its_best_place(encoder):
    """Token by token, each text by itself."""
    found = encoder.encode(EMPTY, dtype="float32")
    for text, vector in zip(EMPTY, found, strict=True):
        ids = encoder.tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
        with torch.no_grad():
            logits = encoder.transformer(**ids).logits[0].numpy()
        wanted = [max(np.log1p(max(0.0, row[w])) for row in logits) for w in range(150)]
        np.testing.assert_allclose(vector, wanted, atol=1e-5)
    assert 0 < (found == 0).mean() < 1


def test_csr_is_the_dense_vectors_without_zeros(encoder):
    dense = encoder.encode(EMPTY, dtype="float32")
    found = encoder.encode_sparse(EMPTY, dtype="float32", token_budget=70)
    np.testing.assert_allclose(found.toarray(), dense, atol=1e-5)
    assert found.has_sorted_indices
    assert found.nnz == np.count_nonzero(found.toarray())
    few = encoder.encode_sparse(EMPTY, dtype="float32", max_active_dims=7)
    for row, vector in zip(few.toarray(), dense, strict=True):
        kept = np.flatnonzero(row)
        assert set(kept) == set(np.argsort(-vector)[:7])
        np.testing.assert_allclose(row[kept], vector[kept], atol=1e-5)
    encoder.max_active_dims = 7
    np.testing.assert_allclose(encoder.encode(EMPTY, dtype="float32"), few.toarray(), atol=1e-5)
    assert encoder.encode_sparse([]).shape == (0, 150)


def test_words_of_a_vector(encoder):
    words = encoder.words(encoder.encode_sparse(TEXTS[:1], dtype="float32")[0])
    assert list(words.values()) == sorted(words.values(), reverse=True)
    dense = encoder.encode(TEXTS[:1], dtype="float32")[0]
    name = encoder.tokenizer.convert_ids_to_tokens(int(dense.argmax()))
    assert next(iter(words)) == name
    assert words[name] == pytest.approx(float(dense.max()), rel=1e-5)
    assert len(words) == np.count_nonzero(dense)


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor any operation returned."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for x in result if isinstance(result, tuple | list) else [result]:
            if isinstance(x, torch.Tensor):
                self.numel = max(self.numel, x.numel())
        return result


def test_the_logits_of_a_batch_never_exist_at_once(encoder, monkeypatch):
    """In training too, and the gradient is that of the whole batch."""
    texts = [" ".join(["file", "list", "sort"][: 1 + i % 3] * 6) for i in range(40)]
    features = encoder.prepare(texts)
    weights = torch.randn(40, 150)

    def step():
        encoder.zero_grad()
        with Largest() as largest:
            (encoder(features) * weights).sum().backward()
        return encoder.transformer.get_input_embeddings().weight.grad.clone(), largest.numel

    whole, most = step()
    assert most >= features["input_ids"].numel() * 150
    monkeypatch.setattr("dipole.encoders.sparse_text.LOGITS", 60 * 150)
    parts, fewer = step()
    assert fewer <= max(60 * 150, 150 * 40)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)


def test_it_is_trained_and_flops_makes_it_sparser(masked, tmp_path):
    from sentence_transformers import SparseEncoder

    words = ["file", "list", "number", "string", "socket", "second", "value", "name"]
    data = tmp_path / "pairs.csv"
    rows = "".join(f"open the {w},a {w} is opened\n" for w in words)
    data.write_text("anchor,positive\n" + rows)

    def train(name, objective="dot-infonce + 0.3 * flops", **options):
        return dipole.fit(
            str(data), out=tmp_path / name, encoder="sparse",
            encoder_options={"model": str(masked)}, objective=objective,
            batch_size=8, learning_rate=1e-3, precision="fp32", seed=1, show_progress=False,
            **options,
        )  # fmt: skip

    run = train("run", max_steps=20)
    plain = train("plain", "dot-infonce", max_steps=20)
    texts = [f"open the {w}" for w in words]
    counts = [x.encoder.encode_sparse(texts).nnz for x in (run, plain)]
    assert counts[0] < counts[1]
    back = load_encoder(tmp_path / "run")
    assert fingerprint(back) == fingerprint(run.encoder)
    model = SparseEncoder(str(tmp_path / "run" / "model"), device="cpu", local_files_only=True)
    np.testing.assert_allclose(
        model.encode(texts).to_dense().numpy(), back.encode(texts, dtype="float32"), atol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pooling": "mean"}, "pooling"),
        ({"max_active_dims": 0}, "max_active_dims"),
        ({"modle": "x"}, "modle"),
        ({}, "'model': missing; expected --encoder-option model=VALUE"),
    ],
)
def test_wrong_options(masked, options, error):
    from dipole.encoders.registry import make_encoder

    given = options if not options or "modle" in options else {"model": str(masked)} | options
    with pytest.raises(InputError, match=error):
        make_encoder("sparse", TEXTS, TEXTS, **given)


def test_a_transformer_without_the_head_is_refused(tiny):
    with pytest.raises(InputError, match=r"the weights lack \d+ tensors of a BertForMaskedLM"):
        SparseText.load(tiny)


def test_what_their_folder_may_say_that_is_not_here(masked, tmp_path):
    folder = saved(tmp_path / "theirs", masked, activation_function="log1p_relu")
    with pytest.raises(InputError, match="activation_function is 'log1p_relu'; expected relu"):
        load_encoder(folder)
    config = folder / "1_SpladePooling" / "config.json"
    config.write_text(json.dumps({"pooling_strategy": "max", "extra": 1}))
    with pytest.raises(InputError, match="extra is no setting of SpladePooling known here"):
        load_encoder(folder)


def test_what_it_does_not_do(encoder, tmp_path):
    from dipole.encoders.onnx_export import export_onnx

    for wrong in (
        lambda: encoder.adapted("lora", None, {}),
        lambda: encoder.cut(1),
        lambda: encoder.outputs(encoder.prepare(["a"]), ["tokens"]),
        lambda: export_onnx(encoder, tmp_path / "onnx"),
    ):
        with pytest.raises(InputError):
            wrong()
