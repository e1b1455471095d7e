import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dipole.encoders import StaticText, fingerprint
from dipole.encoders.static_reader import StaticReader
from dipole.retrieval import Document, Index

TEXTS = ["open a file", "read a file line by line and line by line", "zyx unknown", "!", "ß Ünï"]


@pytest.mark.parametrize("shared", [False, True])
def test_it_says_what_the_encoder_says(tmp_path: Path, shared: bool) -> None:
    encoder = StaticText.from_texts(
        TEXTS[:2], TEXTS[1:2], dim=16, shared=shared, decay=(0.5, 1.0), buckets=32
    )
    encoder.save(tmp_path)
    reader = StaticReader.of(tmp_path)
    assert reader is not None
    for role in ("query", "document"):
        expected = encoder.encode(TEXTS, role=role)
        np.testing.assert_allclose(reader.encode(TEXTS, role), expected, atol=1e-6)
    assert reader.fingerprint() == fingerprint(encoder)


def test_what_it_does_not_read_is_left_to_others(tmp_path: Path) -> None:
    StaticText.from_texts(TEXTS, TEXTS, dim=8, tokenizer="bpe", vocabulary=300).save(tmp_path / "b")
    assert StaticReader.of(tmp_path / "b") is None
    assert StaticReader.of(tmp_path / "nothing") is None
    StaticText.from_texts(TEXTS, TEXTS, dim=8, buckets=32).save(tmp_path / "h")
    assert StaticReader.of(tmp_path / "h") is not None
    config = json.loads((tmp_path / "h" / "config.json").read_text())
    (tmp_path / "h" / "config.json").write_text(json.dumps(config | {"encoder": "CrossText"}))
    assert StaticReader.of(tmp_path / "h") is None


def test_an_index_of_it_is_searched_without_torch(tmp_path: Path) -> None:
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=8, buckets=32)
    documents = [Document(str(i), text) for i, text in enumerate(TEXTS[:2])]
    Index.create(tmp_path / "index", encoder, documents)
    code = (
        "import sys; from dipole.retrieval import Index; "
        "hits = Index.open(sys.argv[1]).search('open a file', hybrid=True); "
        "print(hits[0].id, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "index")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "False"]
