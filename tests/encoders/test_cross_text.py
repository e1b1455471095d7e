"""A cross-encoder joins texts as its tokenizer does; sentence-transformers reads its folders."""

import numpy as np
import pytest
import torch

import dipole
from dipole.encoders import fingerprint, load_encoder
from dipole.encoders.base import Encoder
from dipole.encoders.cross_text import CrossText
from dipole.encoders.joined_tokens import Template, kept
from dipole.encoders.pair_scorer import PairScorer
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError

WORDS = [
    "open", "a", "file", "and", "read", "it", "line", "by", "line", "then", "sort", "the", "list",
    "of", "numbers", "in", "place",
]  # fmt: skip


def texts(seed, count=40, longest=90):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(0, longest))) for _ in range(count)]


@pytest.fixture(scope="module")
def theirs(tiny, tmp_path_factory):
    """A folder that sentence-transformers itself wrote, whose scores are plain logits."""
    from sentence_transformers import CrossEncoder

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("theirs")
    identity = torch.nn.Identity()
    model = CrossEncoder(
        str(tiny), num_labels=1, device="cpu", local_files_only=True, activation_fn=identity
    )
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def roberta(tmp_path_factory):
    """Of another tokenizer: two separators between the texts, no segments, cut on the left."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import (
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaForSequenceClassification,
    )

    folder = tmp_path_factory.mktemp("roberta")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts(5), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>",
        eos_token="</s>", model_max_length=40, truncation_side="left",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=42, pad_token_id=1, num_labels=2,
        initializer_range=0.3,
    )  # fmt: skip
    RobertaForSequenceClassification(config).save_pretrained(folder)
    return folder


def trained_logits(encoder, anchors, candidates, mask):
    """What the trainer asks for, of pieces of five candidates and three anchors."""
    flat = [text for row in candidates for text in row]
    columns = {
        "anchor": [encoder.prepare(anchors[i : i + 3]) for i in range(0, len(anchors), 3)],
        "candidates": [encoder.prepare(flat[i : i + 5]) for i in range(0, len(flat), 5)],
    }
    with torch.no_grad():
        return torch.cat([encoder(p) for p in encoder.pairs(columns, {"mask": mask})])[:, 0]


@pytest.mark.parametrize("name", ["theirs", "roberta"])
def test_pairs_are_joined_as_the_tokenizer_joins_them(name, request):
    encoder = CrossText.load(request.getfixturevalue(name))
    anchors, others = texts(0, 8), texts(1, 24)
    lengths = [3, 2, 0, 5, 4, 1, 6, 3]
    ends = np.cumsum(lengths)
    lists = [others[e - n : e] for e, n in zip(ends, lengths, strict=True)]
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    found = trained_logits(encoder, anchors, lists, mask)
    first = [a for a, row in zip(anchors, lists, strict=True) for _ in row]
    wanted = encoder.score(first, others)  # by the tokenizer's own way to join and cut
    assert len(np.unique(wanted)) > 12
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    encoder.default_budget = lambda: 200  # parts of similar length give the same
    np.testing.assert_allclose(trained_logits(encoder, anchors, lists, mask), wanted, atol=1e-5)


def test_what_is_kept_is_what_the_tokenizer_keeps(tiny):
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(tiny).backend_tokenizer
    template = Template.of(tokens)
    for room in (7, 12):
        tokens.enable_truncation(room + template.size, strategy="longest_first")
        for a in range(15):
            for b in range(15):
                row = tokens.encode(" ".join(["file"] * a), " ".join(["list"] * b))
                ids = row.sequence_ids
                found = kept(torch.tensor([a]), torch.tensor([b]), room)
                assert [int(x) for x in found] == [ids.count(0), ids.count(1)], (a, b, room)


def test_their_folder_is_read_and_ours_by_them(theirs, tmp_path):
    from sentence_transformers import CrossEncoder

    first, second = texts(2), texts(3)
    pairs = list(zip(first, second, strict=True))
    encoder = load_encoder(theirs)
    assert isinstance(encoder, CrossText)
    theirs_say = CrossEncoder(str(theirs), device="cpu", local_files_only=True).predict(pairs)
    np.testing.assert_allclose(encoder.score(first, second), theirs_say, atol=1e-5)
    encoder.save(tmp_path / "ours")
    again = CrossEncoder(str(tmp_path / "ours"), device="cpu", local_files_only=True)
    assert again.max_seq_length == encoder.max_length == 64
    np.testing.assert_allclose(again.predict(pairs), theirs_say, atol=1e-5)  # logits there too
    back = load_encoder(tmp_path / "ours")
    assert fingerprint(back) == fingerprint(encoder)
    np.testing.assert_array_equal(back.score(first, second), encoder.score(first, second))
    scorer = PairScorer.load(tmp_path / "ours")
    np.testing.assert_array_equal(scorer.score(first, second), encoder.score(first, second))


def test_a_transformer_is_given_a_head(tiny, theirs, gpt2, tmp_path):
    for folder in (tiny, gpt2):
        torch.manual_seed(3)
        encoder = CrossText.from_inputs(model=str(folder), max_length=30)
        torch.manual_seed(3)
        again = CrossText.from_inputs(model=str(folder), max_length=30)
        assert fingerprint(encoder) == fingerprint(again)
        assert encoder.score(["a file"], ["a list"]).shape == (1,)
        encoder.save(tmp_path / folder.name)
        assert load_encoder(tmp_path / folder.name).max_length == 30
    base = TransformerText.load(tiny)
    made = CrossText.from_inputs(model=str(tiny))
    for name, weight in base.transformer.state_dict().items():
        torch.testing.assert_close(made.model.state_dict()[f"bert.{name}"], weight)
    kept_head = CrossText.from_inputs(model=str(theirs)).model.classifier.weight
    torch.testing.assert_close(kept_head, PairScorer.load(theirs).model.classifier.weight)


def test_a_model_of_classes_stays_an_encoder_of_single_texts(tiny, tmp_path):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    config = BertConfig.from_pretrained(tiny, num_labels=3)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    assert isinstance(load_encoder(tmp_path), TransformerText)


def test_what_is_refused(theirs, tiny, tmp_path):
    encoder = CrossText.load(theirs)
    with pytest.raises(InputError, match=r"encode: CrossText reads two texts .* --rerank"):
        encoder.encode(["a text"])
    with pytest.raises(InputError, match="found texts without a partner"):
        encoder.pairs({"anchor": [encoder.prepare(["a"])]}, {})
    with pytest.raises(InputError, match="max_length is 4; expected more than 4"):
        CrossText.from_inputs(model=str(tiny), max_length=4)
    with pytest.raises(NotImplementedError):
        Encoder().pairs({}, {})
    encoder.save(tmp_path)
    (tmp_path / "config_sentence_transformers.json").write_text(
        '{"prompts": {"q": "question: "}, "default_prompt_name": "q"}'
    )
    with pytest.raises(InputError, match="a prompt is put before the first text"):
        CrossText.load(tmp_path)


def test_its_card_says_how_to_use_it(theirs):
    from dipole.cli.card import model_card

    card = model_card(str(theirs), CrossText.load(theirs), "me/judge", theirs=False)
    assert 'CrossEncoder("me/judge").predict' in card
    assert "pipeline_tag: text-ranking" in card
    assert ".encode(" not in card


def lists_of(anchors):
    return [
        {"query": a, "candidates": [f"{a} yes", "sort a list", "the place"], "relevance": [2, 0, 1]}
        for a in anchors
    ]


TRIPLETS = [{"anchor": w, "positive": f"{w} {w}", "negative": ["in", "of numbers"]} for w in WORDS]
MINED = [{"anchor": f"{w} word", "positive": f"{w} word {n}"} for n, w in enumerate(WORDS)]
GRADED = [{"first": w, "second": f"{w} in", "score": i / 20} for i, w in enumerate(WORDS)]


@pytest.mark.parametrize(
    ("objective", "data", "settings"),
    [
        ("pair-bce", TRIPLETS, {"validation": TRIPLETS[:8]}),
        ("pair-bce", GRADED, {"validation": GRADED}),
        ("ranknet", TRIPLETS, {"chunk": 3}),
        ("lambda-loss", lists_of(WORDS), {"validation": lists_of(WORDS[:5])}),
        ("list-softmax", TRIPLETS, {}),
        ("pair-bce", MINED, {"mine": {"source": "bm25", "negatives": 2}}),
        ("score-distil", MINED, {"mine": {"source": "bm25", "negatives": 2}}),
        ("plackett-luce", lists_of(WORDS), {}),
        ("score-distil", lists_of(WORDS), {}),
        ("score-distil", TRIPLETS, {"parts": "teacher:model=bm25"}),
        ("list-softmax + 0.1 * score-distil", lists_of(WORDS), {}),
    ],
)
def test_it_is_trained(objective, data, settings, tiny, tmp_path):
    options = {"model": str(tiny), "max_length": 24}
    run = dipole.fit(
        data, "cross", objective, out=tmp_path / "run", encoder_options=options, max_steps=3,
        batch_size=4, learning_rate=1e-3, show_progress=False, **settings,
    )  # fmt: skip
    encoder = run.encoder
    assert isinstance(encoder, CrossText)
    torch.manual_seed(0)
    before = CrossText.from_inputs(**options).model.state_dict()
    after = encoder.model.state_dict()
    assert not torch.equal(before["bert.embeddings.word_embeddings.weight"],
        after["bert.embeddings.word_embeddings.weight"])  # fmt: skip
    assert PairScorer.load(tmp_path / "run").score(["a"], ["b"]) == encoder.score(["a"], ["b"])


def test_pieces_do_not_change_what_is_learnt(tiny, tmp_path):
    found = []
    for chunk in (None, 2):
        run = dipole.fit(
            TRIPLETS, "cross", "ranknet", out=tmp_path / f"{chunk}", chunk=chunk, max_steps=2,
            encoder_options={"model": _without_dropout(tiny, tmp_path)}, batch_size=6,
            show_progress=False, precision="fp32", optimizer="sgd", learning_rate=0.1,
        )  # fmt: skip
        found.append(run.encoder.weights())
    for name, weight in found[0].items():
        torch.testing.assert_close(found[1][name], weight, atol=1e-5, rtol=1e-4)


def _without_dropout(tiny, tmp_path):
    import json
    import shutil

    folder = tmp_path / "still"
    shutil.copytree(tiny, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_a_resumed_training_goes_on_the_same(tiny, tmp_path):
    options = {"encoder_options": {"model": str(tiny)}, "batch_size": 4, "show_progress": False}
    schedule = {"schedule": "constant"}
    long = dipole.fit(
        TRIPLETS, "cross", "ranknet", out=tmp_path / "b", max_steps=4, **options, **schedule
    )
    dipole.fit(TRIPLETS, "cross", "ranknet", out=tmp_path / "c", max_steps=2, **options, **schedule)
    again = dipole.fit(TRIPLETS, "cross", out=tmp_path / "c", max_steps=4, resume=True,
        show_progress=False)  # fmt: skip
    assert fingerprint(again.encoder) == fingerprint(long.encoder)


def test_objectives_and_data_that_do_not_fit_are_refused(tiny, tmp_path):
    def fit(data, objective, **settings):
        dipole.fit(
            data, "cross", objective, out=tmp_path / "run", max_steps=1, show_progress=False,
            encoder_options={"model": str(tiny)}, **settings,
        )  # fmt: skip

    with pytest.raises(InputError, match=r"gives logits of pairs, and infonce takes .* ranknet"):
        fit(TRIPLETS, "infonce")
    pairs = [{"anchor": w, "positive": f"{w} {w}"} for w in WORDS]
    with pytest.raises(InputError, match=r"pair-bce needs others beside each positive"):
        fit(pairs, "pair-bce")
    with pytest.raises(InputError, match="ranknet takes no scores"):
        fit(GRADED, "ranknet")
    with pytest.raises(InputError, match="encoder option 'model': missing"):
        dipole.fit(TRIPLETS, "cross", "ranknet", out=tmp_path / "run", show_progress=False)
    with pytest.raises(InputError, match="validation: Pairs; expected triplets, lists"):
        fit(TRIPLETS, "ranknet", validation=pairs)


def test_of_other_encoders_logits_are_cosines(tmp_path):
    from dipole.training.parts.logits import Logits

    anchor, candidates = torch.randn(3, 4), torch.randn(3, 2, 4)
    found = Logits(0.5).before({"anchor": anchor, "candidates": candidates})["logits"]
    wanted = torch.cosine_similarity(anchor[:, None], candidates, dim=-1) / 0.5
    torch.testing.assert_close(found, wanted)
    found = Logits().before({"anchor": anchor, "positive": candidates[:, 0]})["logits"]
    torch.testing.assert_close(found, wanted[:, :1] * 10)
    run = dipole.fit(
        TRIPLETS, objective="lambda-loss", out=tmp_path / "run", max_steps=2, batch_size=4,
        show_progress=False, parts="logits:temperature=0.1",
    )  # fmt: skip
    assert run.encoder.encode(["a file"]).shape[0] == 1
