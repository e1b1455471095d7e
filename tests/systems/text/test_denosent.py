"""DenoSent: what the decoder reads, and where the gradient goes."""

import pytest
import torch

from dipole.encoders import StaticText
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.systems.text.denosent import Rebuilder, Rebuilt
from support.parts import bound
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]


@pytest.fixture
def encoder(tmp_path):
    folder = save_tiny_bert(tmp_path / "bert", TEXTS, masked=True)
    return MaskedText.from_inputs(model=str(folder), normalize=False).eval()


def rebuilt(encoder, part, anchor):
    """What the part makes of the texts, with these vectors of their edits."""
    features = encoder.prepare(TEXTS)
    shown = encoder.outputs(features, ("hidden", "mask"))
    batch = {"anchor": anchor, "positive": shown["vectors"]}
    batch |= {f"positive_{name}": shown[name] for name in ("hidden", "mask")}
    batch |= part.encode({"positive": [features]})
    return part.before(batch), features


def test_every_token_is_rebuilt_from_the_vector_and_its_embedding(encoder):
    part = bound(Rebuilder(layers=2), {}, encoder=encoder).eval()
    anchor = torch.randn(3, 32, requires_grad=True)
    found, features = rebuilt(encoder, part, anchor)
    there = features["attention_mask"].bool()
    assert torch.equal(found["rebuilt"], features["input_ids"][there])
    # one text alone, without padding: the same
    x = encoder.transformer.embeddings(input_ids=features["input_ids"][1:2, :4])
    expected = encoder.words_of(part.decoder(x, anchor[1:2, None])[0])
    start = int(there[0].sum())
    torch.testing.assert_close(
        found["rebuilt_logits"][start : start + 4], expected, rtol=1e-4, atol=1e-5
    )
    Rebuilt()(anchor, found["rebuilt_logits"], found["rebuilt"]).backward()
    assert anchor.grad.abs().sum() > 0
    # the noisy copy gives the tower no gradient: positions are read by nothing else
    assert encoder.transformer.embeddings.position_embeddings.weight.grad is None


def test_most_of_the_copy_is_noise_and_the_rest_is_larger(encoder):
    part = bound(Rebuilder(layers=1), {}, encoder=encoder).train()
    part.decoder.eval()
    seen = []
    part.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(0)
    rebuilt(encoder, part, torch.randn(3, 32))
    embedded = encoder.transformer.embeddings(input_ids=encoder.prepare(TEXTS)["input_ids"])
    kept = seen[0] != 0
    assert abs(kept.float().mean() - 0.175) < 0.03
    torch.testing.assert_close(seen[0][kept], embedded[kept] / 0.175, rtol=1e-4, atol=1e-5)


def test_a_tower_without_words_is_refused():
    static = StaticText.from_texts(TEXTS, TEXTS, dim=8)
    with pytest.raises(InputError, match="rebuilder: found StaticText; expected a masked language"):
        bound(Rebuilder(), {}, encoder=static)
