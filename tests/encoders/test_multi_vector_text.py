"""Every token has a vector, as PyLate and sentence-transformers' MultiVectorEncoder have it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Pairs, Triplets
from dipole.encoders import MultiVectorText, fingerprint, load_encoder
from dipole.encoders.folder import read_json, write_json
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError
from dipole.kernels.maxsim import maxsim
from dipole.objectives import LateInteraction
from dipole.training.towers import Towers
from support.st_folders import TEXTS

# A folder that PyLate itself wrote, and its vectors of these texts.
PYLATE = Path(__file__).with_name("pylate")
THEIRS = json.loads((PYLATE / "vectors.json").read_text())
EMPTY = [*TEXTS, ""]


@pytest.fixture
def encoder(tiny):
    torch.manual_seed(0)
    return MultiVectorText.load(tiny, dim=16)


def of_sentence_transformers(folder):
    from sentence_transformers import MultiVectorEncoder

    return MultiVectorEncoder(str(folder), device="cpu", local_files_only=True)


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_vectors_are_those_of_pylate(tmp_path):
    encoder = load_encoder(PYLATE)
    assert isinstance(encoder, MultiVectorText)
    assert (encoder.query_length, encoder.document_length, encoder.dim) == (12, 20, 8)
    encoder.save(tmp_path / "ours")
    again = load_encoder(tmp_path / "ours")
    assert fingerprint(again) == fingerprint(encoder)
    for role in ("query", "document"):
        assert_same(encoder.encode_tokens(THEIRS["texts"], role, dtype="float32"), THEIRS[role])
        assert_same(again.encode_tokens(THEIRS["texts"], role, dtype="float32"), THEIRS[role])


def test_pylate_finds_its_settings_in_what_is_saved(tmp_path):
    load_encoder(PYLATE).save(tmp_path / "ours")
    for name in ("modules.json", "1_Dense/config.json"):
        assert read_json(tmp_path / "ours" / name) == read_json(PYLATE / name)
    name = "config_sentence_transformers.json"
    own, theirs = read_json(tmp_path / "ours" / name), read_json(PYLATE / name)
    assert own == {key: value for key, value in theirs.items() if key != "__version__"}


def test_the_loss_and_its_gradient_are_those_of_pylate():
    encoder, wanted = load_encoder(PYLATE), THEIRS["contrastive"]
    texts = wanted["texts"]
    columns = {
        "anchor": [encoder.prepare(texts, "query")],
        "positive": [encoder.prepare([f"{text} now" for text in texts])],
        "negative": [encoder.prepare(texts[::-1])],
    }
    loss = Towers(encoder, LateInteraction())(columns, {})
    loss.backward()
    assert loss.item() == pytest.approx(wanted["loss"], rel=1e-5)
    words = encoder.transformer.embeddings.word_embeddings.weight
    for weight, name in ((encoder.after[0].linear.weight, "projection"), (words, "words")):
        assert weight.grad.norm().item() == pytest.approx(wanted[name], rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attend_to_expansion": True, "query_length": 12, "document_length": 10},
        {"query_expansion": False, "query_prefix": "", "skiplist_words": [","]},
    ],
)
def test_sentence_transformers_reads_ours_and_we_read_its_folder(tiny, tmp_path, options):
    torch.manual_seed(0)
    encoder = MultiVectorText.load(tiny, dim=16, **options)
    encoder.save(tmp_path / "ours")
    theirs = of_sentence_transformers(tmp_path / "ours")
    theirs.save_pretrained(str(tmp_path / "theirs"), create_model_card=False)
    back = load_encoder(tmp_path / "theirs")
    for role in ("query", "document"):
        found = encoder.encode_tokens(EMPTY, role, dtype="float32")
        assert_same(found, getattr(theirs, f"encode_{role}")(EMPTY, convert_to_numpy=True))
        assert_same(found, back.encode_tokens(EMPTY, role, dtype="float32"))
    queries, documents = (encoder.encode_tokens(EMPTY, r) for r in ("query", "document"))
    wanted = theirs.similarity(*([torch.tensor(x) for x in side] for side in (queries, documents)))
    np.testing.assert_allclose(encoder.similarity(queries, documents), wanted, atol=1e-4)
    # What was saved again has its prefix as a prefix.
    assert (back.query_prefix, back.prompts["query"]) == (encoder.query_prefix, "")


def test_a_folder_of_stanford(tmp_path, tiny):
    """By hand: one model with a linear layer, artifact.metadata, [unused0] and [unused1]."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "stanford"
    shutil.copytree(tiny, folder)
    torch.manual_seed(0)
    linear = torch.randn(8, 32)
    weights = {f"bert.{name}": x for name, x in load_file(tiny / "model.safetensors").items()}
    save_file(weights | {"linear.weight": linear}, folder / "model.safetensors")
    config = read_json(folder / "config.json") | {"architectures": ["HF_ColBERT"]}
    write_json(folder / "config.json", config)
    said = {"query_token_id": "a", "doc_token_id": "the", "query_maxlen": 16, "doc_maxlen": 20}
    write_json(folder / "artifact.metadata", said)
    found = load_encoder(folder)
    plain = MultiVectorText.load(
        tiny, dim=8, query_prefix="a", document_prefix="the", query_length=16, document_length=20
    )
    plain.after[0].linear.weight.data = linear
    for role in ("query", "document"):
        assert_same(found.encode_tokens(EMPTY, role), plain.encode_tokens(EMPTY, role))
    (folder / "artifact.metadata").write_text(json.dumps(said | {"similarity": "l2"}))
    with pytest.raises(InputError, match="similarity is 'l2'; expected cosine"):
        load_encoder(folder)


def test_token_by_token(encoder):
    """A document by hand: prefix behind the first token, punctuation not compared."""
    text = "a mapping from names to values, in the order they were added"
    ids = encoder.tokenizer(text)["input_ids"]
    ids.insert(1, encoder.tokenizer.convert_tokens_to_ids("[D] "))
    with torch.no_grad():
        states = encoder.transformer(input_ids=torch.tensor([ids])).last_hidden_state[0]
    vectors = states @ encoder.after[0].linear.weight.T
    vectors = (vectors / vectors.norm(dim=1, keepdim=True)).detach().numpy()
    comma = encoder.tokenizer.convert_tokens_to_ids(",")
    assert comma in ids
    kept = [i for i, number in enumerate(ids) if number != comma]
    (found,) = encoder.encode_tokens([text], dtype="float32")
    np.testing.assert_allclose(found, vectors[kept], atol=1e-5)


def test_a_query_is_filled_up_and_cut(encoder):
    long = " ".join(["open a file"] * 40)
    for text in ("", "sort", long):
        (query,), (document,) = (encoder.encode_tokens([text], r) for r in ("query", "document"))
        assert query.shape == (32, 16)
        assert len(document) <= encoder.document_length == 64
        np.testing.assert_allclose(np.linalg.norm(query, axis=1), 1, atol=1e-5)


def test_a_text_of_nothing_but_the_skiplist_keeps_one_token(tiny):
    encoder = MultiVectorText.load(tiny, document_prefix="", skiplist_words=["[CLS]", "[SEP]"])
    (found,) = encoder.encode_tokens([""])
    assert found.shape == (1, 128)


def test_a_vector_does_not_depend_on_its_batch_nor_on_parts(encoder):
    alone = [encoder.encode_tokens([text], dtype="float32")[0] for text in EMPTY]
    assert_same(encoder.encode_tokens(EMPTY, dtype="float32"), alone)
    features = encoder.prepare(EMPTY, "document")
    whole = encoder.outputs(features, ("tokens", "mask"))
    encoder.default_budget = lambda: 30
    parts = encoder.outputs(features, ("tokens", "mask"))
    torch.testing.assert_close(parts["tokens"][parts["mask"]], whole["tokens"][whole["mask"]])


def test_scores_are_maxsim(encoder):
    def padded(texts, role):
        with torch.no_grad():
            shown = encoder.outputs(encoder.prepare(texts, role), ("tokens", "mask"))
        return shown["tokens"], shown["mask"]

    (q, q_mask), (d, d_mask) = padded(EMPTY, "query"), padded(EMPTY, "document")
    wanted = maxsim(q, d, q_mask, d_mask).numpy()
    encoder.dtype = "float32"
    np.testing.assert_allclose(encoder.score(EMPTY, EMPTY), wanted.diagonal(), atol=1e-4)
    queries, documents = encoder.encode_tokens(EMPTY, "query"), encoder.encode_tokens(EMPTY)
    np.testing.assert_allclose(encoder.similarity(queries, documents), wanted, atol=1e-4)


def without_dropout(tiny):
    """In which a text alone and one among others see the same."""
    torch.manual_seed(0)
    encoder = MultiVectorText.load(tiny, dim=16)
    for module in encoder.transformer.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return encoder


PAIRS = Pairs.from_columns({"anchor": TEXTS, "positive": [f"{t} now" for t in TEXTS]})


def test_it_is_trained_and_saved(tiny, tmp_path):
    run = dipole.fit(
        PAIRS, without_dropout(tiny), "late-interaction", out=tmp_path / "run", max_steps=1,
        batch_size=4, learning_rate=1e-3, show_progress=False,
    )  # fmt: skip
    assert fingerprint(load_encoder(tmp_path / "run")) == fingerprint(run.encoder)
    before, after = without_dropout(tiny).state_dict(), run.encoder.state_dict()
    moved = {name for name in before if (before[name] != after[name]).any()}
    assert {"after.0.linear.weight", "transformer.embeddings.word_embeddings.weight"} <= moved


def test_the_gradient_of_pieces_is_that_of_the_whole(tiny):
    """And the loss that of the scores by hand."""
    texts = {"anchor": TEXTS, "positive": [f"{text} now" for text in TEXTS]}
    grads = []
    for size in (4, 3):
        encoder = without_dropout(tiny).train()
        columns = {
            name: [
                encoder.prepare(column[i : i + size], "query" if name == "anchor" else "document")
                for i in range(0, 4, size)
            ]
            for name, column in texts.items()
        }
        loss = Towers(encoder, LateInteraction())(columns, {})
        loss.backward()
        grads.append([x.grad for x in encoder.parameters()])
        queries = encoder.encode_tokens(texts["anchor"], "query", dtype="float32")
        documents = encoder.encode_tokens(texts["positive"], dtype="float32")
        scores = torch.from_numpy(encoder.similarity(queries, documents))
        wanted = torch.nn.functional.cross_entropy(scores, torch.arange(4))
        torch.testing.assert_close(loss.detach(), wanted, atol=1e-4, rtol=1e-4)
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_a_name_makes_one_and_the_seed_its_projection(tiny, tmp_path):
    settings = {"max_steps": 1, "encoder_options": {"dim": 16}, "show_progress": False}
    runs = [
        dipole.fit(PAIRS, f"colbert:{tiny}", "late-interaction", out=tmp_path / name, seed=seed,
                   **settings)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]  # fmt: skip
    first, same, other = (fingerprint(run.encoder) for run in runs)
    assert first == same != other


@pytest.mark.parametrize("name", ["colbert", "colbert:"])
def test_the_prefix_alone_is_no_encoder(tmp_path, name):
    with pytest.raises(InputError, match=f"found '{name}'; expected colbert:FOLDER"):
        dipole.fit(PAIRS, name, "late-interaction", out=tmp_path / "run")


def test_a_folder_of_one_takes_its_options_without_the_prefix(tiny, tmp_path):
    MultiVectorText.load(tiny, dim=8).save(tmp_path / "one")
    again = make_encoder(str(tmp_path / "one"), TEXTS, TEXTS, query_length=16)
    assert again.encode_tokens(["a"], "query")[0].shape == (16, 8)
    with pytest.raises(InputError, match="encoder option 'pooling': no such setting"):
        make_encoder(str(tmp_path / "one"), TEXTS, TEXTS, pooling="cls")


@pytest.mark.parametrize("objective", ["infonce", "late-interaction + 0.1 * infonce"])
def test_objectives_of_whole_vectors_are_refused(tiny, tmp_path, objective):
    with pytest.raises(InputError, match=r"gives a vector for each token, and .* takes vectors of"):
        dipole.fit(PAIRS, f"colbert:{tiny}", objective, out=tmp_path / "run", show_progress=False)


def test_logits_of_lists_are_its_scores(tiny, tmp_path):
    """The loss of a first step by hand from `score`, at a rate that changes nothing."""
    columns = {"anchor": TEXTS, "positive": TEXTS[::-1], "negatives": [["sort"], ["a", "the"]] * 2}
    triplets = Triplets.from_columns(columns)
    losses = []
    run = dipole.fit(
        triplets, without_dropout(tiny), "list-softmax", out=tmp_path / "run", max_steps=1,
        batch_size=4, learning_rate=1e-12, precision="fp32", show_progress=False,
    )  # fmt: skip
    run.encoder.dtype = "float32"
    for row in range(4):
        texts = [columns["positive"][row], *columns["negatives"][row]]
        scores = run.encoder.score([TEXTS[row]] * len(texts), texts).astype(np.float64)
        losses.append(np.log(np.exp(scores - scores[0]).sum()))
    first = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["loss"] == pytest.approx(np.mean(losses), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim"),
        ({"query_length": 3}, "query_length is 3; expected at least 4"),
    ],
)
def test_settings_that_mean_nothing(tiny, options, message):
    with pytest.raises(InputError, match=message):
        MultiVectorText.load(tiny, **options)


def test_what_it_cannot_do_is_refused(encoder, tmp_path):
    with pytest.raises(InputError, match="gives a vector for each token, and none for a text"):
        encoder.encode(TEXTS)
    with pytest.raises(InputError, match="expected as many"):
        encoder.score(TEXTS, TEXTS[:1])
    encoder.save(tmp_path / "m")
    with pytest.raises(InputError, match=r"found 8, and the projection of .* gives 16"):
        MultiVectorText.load(tmp_path / "m", dim=8)
    path = tmp_path / "m" / "config_sentence_transformers.json"
    write_json(path, read_json(path) | {"query_length": "long"})
    with pytest.raises(InputError, match="query_length"):
        load_encoder(tmp_path / "m")
