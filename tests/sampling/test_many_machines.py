"""Two workers of Ray find what one process finds; a stopped embedding goes on."""

import json

import numpy as np
import pytest

from dipole.data import Pairs
from dipole.encoders import StaticText
from dipole.encoders.many_machines import cluster, embed_corpus, encode_blocks
from dipole.errors import InputError
from dipole.kernels.topk import top_k
from dipole.sampling.filters import make_filters
from dipole.sampling.many_machines import nearest
from dipole.sampling.mining import Miner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
WORDS = ["file", "path", "read", "write", "open", "close", "sort", "list", "number", "word"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A saved tower and a corpus in two files."""
    folder = tmp_path_factory.mktemp("ray")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(60)]
    encoder = StaticText.from_texts(texts, texts, dim=16)
    encoder.save(folder / "model")
    files = []
    for name, part in (("a.jsonl", range(40)), ("b.jsonl", range(40, 60))):
        rows = [json.dumps({"id": f"d{i:02}", "text": texts[i]}) for i in part]
        (folder / name).write_text("\n".join(rows) + "\n")
        files.append(folder / name)
    return folder, encoder, texts, files


def test_two_workers_find_what_one_process_finds(corpus, tmp_path):
    folder, encoder, texts, files = corpus
    queries = encoder.encode(["read a file", "sort numbers"], role="query")
    with cluster(None, 2):  # one start for all that follows
        blocks = list(encode_blocks(encoder, [texts[:7], texts[7:8], texts[8:]], workers=2))
        mined = [
            Miner(
                Pairs.from_columns({"anchor": texts[:5], "positive": texts[5:10]}), encoder,
                make_filters(), corpus=texts[10:], folder=tmp_path / str(workers), workers=workers,
            ).mine(np.arange(5))
            for workers in (0, 2)
        ]  # fmt: skip
        done = embed_corpus(folder / "model", files, tmp_path / "vectors", workers=2)
        made = [path.stat().st_mtime_ns for path in done]
        again = embed_corpus(folder / "model", files, tmp_path / "vectors", workers=2)
        scores, ids = nearest(queries, done, 5)
        few, none = nearest(queries, done[1:], 25)
    StaticText.from_texts(texts, texts, dim=16).save(tmp_path / "other")
    with pytest.raises(InputError, match=r"a\.jsonl\.vectors: made by another model"):
        embed_corpus(tmp_path / "other", files, tmp_path / "vectors", workers=2)
    assert [len(block) for block in blocks] == [7, 1, 52]
    np.testing.assert_allclose(np.concatenate(blocks), encoder.encode(texts), atol=1e-6)
    assert mined[0] == mined[1]
    assert any(row["negatives"] for row in mined[0])
    assert [path.name for path in done] == ["a.jsonl.vectors", "b.jsonl.vectors"]
    assert again == done
    assert [path.stat().st_mtime_ns for path in again] == made
    wanted, places = top_k(queries, encoder.encode(texts), 5)
    np.testing.assert_allclose(scores, wanted, atol=1e-5)
    for row, place in zip(ids, places, strict=True):
        assert [encoder_text(texts, name) for name in row] == [texts[j] for j in place]
    assert few.shape == (2, 25)
    assert (none[:, 20:] == "").all()
    assert np.isneginf(few[:, 20:]).all()


def encoder_text(texts, name):
    return texts[int(name[1:])]


def test_mistakes_are_said_before_anything_starts(corpus, tmp_path):
    folder, _, _, files = corpus
    with pytest.raises(InputError, match=r"no\.jsonl: no such file"):
        embed_corpus(folder / "model", ["no.jsonl"], tmp_path)
    with pytest.raises(InputError, match="workers: found 0"):
        embed_corpus(folder / "model", files, tmp_path, workers=0)
    with pytest.raises(InputError, match="two have the same name"):
        embed_corpus(folder / "model", [files[0], files[0]], tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        nearest(np.eye(2), [tmp_path / "missing"], 3)


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch):
    import ray

    def refused(**options):
        raise ConnectionError("no answer\nand more")

    monkeypatch.setattr(ray, "init", refused)
    with (
        pytest.raises(InputError, match=r"^Ray cluster auto: no answer; expected auto or ray://"),
        cluster("auto", 2),
    ):
        pass
