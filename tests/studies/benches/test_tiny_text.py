import torch

from dipole.studies.benches.tiny_text import tiny_text

TEXTS = ["open a file", "close a file", "sort a list of numbers"]


def test_the_seed_decides_the_weights_and_dropout_is_on_in_training():
    first, again, other = (tiny_text(TEXTS, seed=s, vocabulary=60) for s in (0, 0, 1))
    weight = "transformer.embeddings.word_embeddings.weight"
    assert torch.equal(first.state_dict()[weight], again.state_dict()[weight])
    assert not torch.equal(first.state_dict()[weight], other.state_dict()[weight])
    features = first.train().prepare(TEXTS)
    assert first(features).shape == (3, 64)
    assert not torch.equal(first(features), first(features))


def test_saved_it_loads_as_any_transformer(tmp_path):
    from dipole.encoders import load_encoder

    made = tiny_text(TEXTS, seed=0, vocabulary=60).eval()
    made.save(tmp_path)
    loaded = load_encoder(tmp_path).encode(TEXTS, dtype="float32")
    torch.testing.assert_close(torch.from_numpy(loaded), made(made.prepare(TEXTS)).detach())
