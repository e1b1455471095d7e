"""Token vectors are the teacher's, by frequency; sentence-transformers reads what is made."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import dipole
from dipole.encoders import StaticText, load_encoder
from dipole.encoders.distilling import distill, principal
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

TEXTS = ["open a file and read it", "sort a list of numbers", "a file a file a list"]


@pytest.fixture(scope="module")
def teacher(tiny):
    return TransformerText.load(tiny)


def token_vectors(teacher):
    """One token at a time, by the transformer itself: {id: mean of the states}."""
    tokenizer, found = teacher.tokenizer, {}
    for token, number in tokenizer.get_vocab().items():
        if token in tokenizer.all_special_tokens:
            continue
        ids = torch.tensor([[tokenizer.cls_token_id, number, tokenizer.sep_token_id]])
        with torch.no_grad():
            states = teacher.transformer(ids, torch.ones_like(ids)).last_hidden_state
        found[number] = states[0].mean(0).numpy()
    return found


def aligned(found, wanted):
    """Principal directions have no sign of their own."""
    return found * np.sign((found * wanted).sum(0))


def test_vectors_are_the_teachers_along_its_principal_directions(teacher):
    found = token_vectors(teacher)
    ids = sorted(found)
    wanted = PCA(8, svd_solver="full").fit_transform(np.stack([found[i] for i in ids]))
    rank = np.arange(2, len(ids) + 2)
    share = 1 / rank / (1 / rank).sum()
    wanted = wanted * (0.01 / (0.01 + share))[:, None]
    made = distill(teacher, dim=8, smoothing=0.01)
    table = made.vectors.detach().numpy()
    np.testing.assert_allclose(aligned(table[ids], wanted), wanted, atol=1e-4)
    rest = np.setdiff1d(np.arange(len(table)), ids)
    assert len(rest) == 5  # [PAD], [UNK], [CLS], [SEP], [MASK]
    assert not table[rest].any()


def test_weights_follow_the_texts(teacher):
    plain = distill(teacher, dim=8, smoothing=0.01, texts=["file"] * 3 + ["list"])
    tokens = {t: plain.tokenizer.tokenizer.token_to_id(t) for t in ("file", "list", "sort")}
    if None in tokens.values():
        pytest.skip("a word is no token of its own")
    even = distill(teacher, dim=8, smoothing=1e9)  # every weight is one
    for token, share in (("file", 0.75), ("list", 0.25), ("sort", 0.0)):
        row = tokens[token]
        ratio = (plain.vectors[row] / even.vectors[row]).detach().numpy()
        np.testing.assert_allclose(ratio, 0.01 / (0.01 + share), rtol=1e-4)


def test_signs_of_directions_do_not_depend_on_the_library():
    vectors = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    found = principal(vectors, 3)
    np.testing.assert_allclose(principal(vectors[::-1], 3)[::-1], found, atol=1e-5)
    np.testing.assert_allclose(found.std(0), np.sort(found.std(0))[::-1])


def test_sentence_transformers_reads_it_and_training_goes_on(teacher, tmp_path):
    from sentence_transformers import SentenceTransformer

    made = distill(teacher, dim=16)
    made.save(tmp_path / "small")
    theirs = SentenceTransformer(str(tmp_path / "small"), device="cpu", local_files_only=True)
    np.testing.assert_allclose(made.encode(TEXTS), theirs.encode(TEXTS), atol=1e-5)
    assert isinstance(load_encoder(tmp_path / "small"), StaticText)
    data = [{"anchor": a, "positive": f"{a} b"} for a in TEXTS]
    run = dipole.fit(data, str(tmp_path / "small"), out=tmp_path / "run", max_steps=2,
        show_progress=False)  # fmt: skip
    assert not np.allclose(run.encoder.encode(TEXTS), made.encode(TEXTS))


def test_a_tokenizer_that_pads_to_a_length_is_asked_without(tiny):
    """As all-MiniLM-L6-v2's does: a token is not asked for with a hundred others behind it."""
    wanted = distill(TransformerText.load(tiny), dim=4)
    padding = TransformerText.load(tiny)
    padding.tokenizer.backend_tokenizer.enable_padding(length=24)
    found = distill(padding, dim=4)
    for name, tensor in wanted.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor)
    np.testing.assert_array_equal(found.encode(TEXTS), wanted.encode(TEXTS))


def test_settings(teacher, gpt2):
    assert distill(teacher).dim == 32  # as many as there are, below 256
    assert distill(TransformerText.load(gpt2), dim=4).dim == 4  # no special tokens around a text
    with pytest.raises(InputError, match="dim: found 33; expected"):
        distill(teacher, dim=33)
    with pytest.raises(InputError, match="distill: found StaticText; expected a transformer"):
        distill(distill(teacher))
    with pytest.raises(InputError, match="distill: texts: found no token"):
        distill(teacher, texts=["", " "])
