"""What objectives ask of encoders beside vectors: given by those that can, refused in one line."""

import pytest
import torch
from torch import nn

from dipole.data import Pairs, Triplets
from dipole.encoders import ConvImage, NamedTowers, StaticText, TransformerText, ViTImage
from dipole.encoders.base import OUTPUTS
from dipole.errors import InputError
from dipole.objectives import InfoNCE, RelaxedMover
from dipole.objectives.contract.base import Objective
from dipole.training.fit import fit
from dipole.training.outputs import asked_of, encode_outputs
from dipole.training.towers import Towers
from support.tiny import word_pairs
from support.tiny_bert import save_tiny_bert

TEXTS = ["open a file and read it", "close", "read one line of text", "sort"]


def images():
    import numpy as np

    return list(np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8))


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("bert"), TEXTS)


@pytest.fixture(params=["static", "bert", "vit", "conv", "towers"])
def tower(request, bert):
    torch.manual_seed(0)
    if request.param == "bert":
        return TransformerText.load(bert).eval(), TEXTS
    if request.param == "static":
        return StaticText.from_texts(TEXTS, TEXTS, dim=8, buckets=64).eval(), TEXTS
    if request.param == "vit":
        made = ViTImage.from_images(images(), dim=8, depth=2, patch=4, head=None)
        return made.eval(), images()
    if request.param == "conv":
        return ConvImage.from_images(images(), widths=[4, 8], head=None).eval(), images()
    columns = {"query": images(), "document": TEXTS}
    options = {"dim": 5, "text_options": {"buckets": 64}, "image_options": {"widths": [8]}}
    return NamedTowers.from_columns(columns, options).eval(), TEXTS


def test_the_vectors_are_those_of_forward(tower):
    encoder, inputs = tower
    features = encoder.prepare(inputs)
    found = encoder.outputs(features, encoder.shows)
    torch.testing.assert_close(found["vectors"], encoder(features), rtol=1e-4, atol=1e-5)
    n, t, d = found["tokens"].shape
    assert (n, d) == (4, encoder.dim)
    assert found["mask"].shape == (n, t)
    assert found["mask"].any(1).all()


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_states_and_attention(kind, bert):
    torch.manual_seed(0)
    if kind == "bert":
        encoder, inputs = TransformerText.load(bert).eval(), TEXTS
    else:
        encoder, inputs = ViTImage.from_images(images(), dim=8, depth=2, patch=4).eval(), images()
    found = encoder.outputs(encoder.prepare(inputs), OUTPUTS)
    n, t, d = found["tokens"].shape
    assert found["hidden"].shape == (n, 3, t, d)
    assert found["attention"].shape == (n, 2, 2, t, t)
    torch.testing.assert_close(found["attention"].sum(-1), torch.ones(n, 2, 2, t))


def test_vit_attention_is_that_of_its_layers():
    torch.manual_seed(0)
    encoder = ViTImage.from_images(images(), dim=8, depth=1, patch=4)
    layer, x = encoder.layers[0], torch.randn(2, 4, 8)
    _, _, value = layer._parts(x)
    mixed = (layer.attention(x) @ value).transpose(1, 2).flatten(2)
    after = x + layer.out(mixed)
    torch.testing.assert_close(layer(x), after + layer.mlp(layer.before_mlp(after)))


def test_pieces_of_a_batch_change_nothing(tower):
    encoder, inputs = tower
    whole = encode_outputs(encoder, "anchor", [encoder.prepare(inputs)], ("tokens", "mask"))
    pieces = [encoder.prepare(inputs[i : i + 2]) for i in (0, 2)]
    parts = encode_outputs(encoder, "anchor", pieces, ("tokens", "mask"))
    assert whole.keys() == {"anchor", "anchor_tokens", "anchor_mask"} == parts.keys()
    for name, value in whole.items():
        torch.testing.assert_close(parts[name].float(), value.float(), rtol=1e-4, atol=1e-5)
    parts["anchor_tokens"].square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


class Attentive(Objective):
    """Asks by name."""

    def forward(self, anchor, positive_tokens, positive_attention=None, positive_mask=None):
        x = (positive_tokens * positive_mask[..., None]).sum(1)
        return ((anchor - x) ** 2).mean()


def test_what_is_asked_for():
    assert asked_of(InfoNCE()) == {}
    tokens = ("tokens", "mask")
    assert asked_of(RelaxedMover()) == {
        "anchor": tokens, "negative": tokens, "positive": tokens,
    }  # fmt: skip
    assert asked_of(InfoNCE() + 0.1 * RelaxedMover()).keys() == {"anchor", "negative", "positive"}
    assert asked_of(Attentive()) == {"positive": ("tokens", "mask", "attention")}
    assert asked_of(InfoNCE(), ["anchor_hidden"]) == {"anchor": ("mask", "hidden")}


def test_a_sum_gives_tokens_to_one_and_vectors_to_the_other():
    torch.manual_seed(0)
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=8, buckets=64).eval()
    columns = {
        "anchor": [encoder.prepare(TEXTS, "query")],
        "positive": [encoder.prepare(TEXTS[::-1])],
    }
    batch = {n: encode_outputs(encoder, n, c, ("tokens", "mask")) for n, c in columns.items()}
    given = batch["anchor"] | batch["positive"]
    names = {"anchor": "anchor_tokens", "positive": "positive_tokens"}
    masks = {n: given[n] for n in ("anchor_mask", "positive_mask")}
    expected = InfoNCE()(given["anchor"], given["positive"]) + 0.5 * RelaxedMover()(
        **{n: given[x] for n, x in names.items()}, **masks
    )
    found = Towers(encoder, InfoNCE() + 0.5 * RelaxedMover())(columns, {})
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("objective", ["clrcmd", "late-interaction", "infonce + 0.5 * clrcmd"])
def test_late_interaction_trains(objective, bert, tmp_path):
    data = Pairs.from_columns({"anchor": TEXTS, "positive": [f"{t} now" for t in TEXTS]})
    settings = {"max_steps": 2, "batch_size": 4, "show_progress": False}
    plain = fit(data, str(bert), objective, out=tmp_path / "a", **settings)
    again = fit(data, str(bert), objective, out=tmp_path / "b", chunk=4, **settings)
    for name, value in plain.encoder.state_dict().items():
        assert torch.equal(value, again.encoder.state_dict()[name])


def test_listed_negatives_have_tokens_too(tmp_path):
    pairs = word_pairs(24)
    columns = {name: list(pairs.column(name)) for name in ("anchor", "positive")}
    lists = [[f"far {i}"] if i % 8 == 0 else [] for i in range(24)]
    data = Triplets.from_columns({**columns, "negatives": lists})
    run = fit(
        data, objective="clrcmd", out=tmp_path / "run", batch_size=4, max_steps=8,
        encoder_options={"dim": 8, "buckets": 64}, show_progress=False,
    )  # fmt: skip
    assert run.result["step"] == 8


def test_an_encoder_without_tokens_is_refused(tmp_path, tiny_encoder):
    with pytest.raises(InputError, match=r"takes the tokens of anchor, .*positive, and Tiny"):
        fit(word_pairs(20), tiny_encoder, "clrcmd", out=tmp_path / "x", show_progress=False)
    with pytest.raises(InputError, match="takes the attention of positive, and StaticText gives"):
        fit(word_pairs(20), objective=Attentive(), out=tmp_path / "y", show_progress=False)


def test_anyones_module_asks_by_name(tmp_path):
    class Mine(nn.Module):
        def forward(self, anchor_tokens, anchor_mask, positive):
            x = (anchor_tokens * anchor_mask[..., None]).sum(1)
            return ((x - positive) ** 2).mean()

    run = fit(
        word_pairs(20), objective=Mine(), out=tmp_path / "run", max_steps=1,
        encoder_options={"dim": 8, "buckets": 64}, show_progress=False,
    )  # fmt: skip
    assert run.result["step"] == 1
