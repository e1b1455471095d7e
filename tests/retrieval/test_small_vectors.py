"""Indexes of int8 and ubinary vectors: against the float vectors, and by the equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dipole.encoders.base import Encoder
from dipole.encoders.quantizing import dequantize, quantize, ranges_of
from dipole.errors import InputError
from dipole.retrieval import Document, Index
from dipole.retrieval import table as lance

DIM = 20
VECTORS = torch.nn.functional.normalize(torch.randn(500, DIM, generator=torch.manual_seed(0)))


class Stored(Encoder):
    """The text is the number of a vector."""

    dim = DIM

    def prepare(self, inputs: Any, role: str = "document") -> Any:
        return {"rows": torch.tensor([int(text) for text in inputs])}

    def forward(self, features: Any) -> Any:
        return VECTORS[features["rows"]]

    def save(self, folder: str | Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)

    def settings(self) -> dict[str, Any]:
        return {}


def documents(start: int, stop: int) -> list[Document]:
    return [Document(f"d{i}", str(i), {"i": i}) for i in range(start, stop)]


@pytest.fixture(params=["int8", "ubinary"])
def precision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_scores_are_those_of_the_equations(tmp_path: Path, precision: Any) -> None:
    index = Index.create(tmp_path / "i", Stored(), documents(0, 60), precision=precision)
    query, kept = VECTORS[7].numpy(), VECTORS[:60].numpy()
    if precision == "int8":
        expected = dequantize(quantize(kept, "int8"), ranges_of(kept)) @ query
    else:
        signs = [[1 if value > 0 else -1 for value in vector] for vector in kept]
        expected = np.array([sum(s * q for s, q in zip(row, query, strict=True)) for row in signs])
        expected = expected / DIM**0.5
    hits = index.search("7", k=15)  # 4 x 15: all of them
    best = np.argsort(-expected)[:15]
    assert [hit.id for hit in hits] == [f"d{i}" for i in best]
    np.testing.assert_allclose([hit.score for hit in hits], expected[best], atol=1e-5)
    assert hits[0].metadata == {"i": int(best[0])}
    if precision == "int8":
        assert np.abs(expected - kept @ query).max() < 0.02


def test_more_candidates_find_more(tmp_path: Path) -> None:
    index = Index.create(tmp_path / "i", Stored(), documents(0, 500), precision="int8")
    exact = Index.create(tmp_path / "f", Stored(), documents(0, 500))

    def recall(rescore: int) -> float:
        found = 0
        for query in range(0, 500, 25):
            best = {hit.id for hit in exact.search(str(query), k=10)}
            found += len(best & {h.id for h in index.search(str(query), k=10, rescore=rescore)})
        return found / 200

    assert recall(1) < recall(4) < recall(50)
    assert recall(50) > 0.97  # all of them ranked again: bytes rank nearly as floats do


def test_changes_keep_precision_and_ranges(tmp_path: Path, precision: Any) -> None:
    Index.create(tmp_path / "i", Stored(), documents(0, 40), precision=precision)
    index = Index.open(tmp_path / "i", Stored())
    assert index.add(documents(40, 60)) == 20
    assert index.replace(documents(0, 5)) == 5
    assert index.delete(["d59"]) == 1
    whole = Index.create(tmp_path / "j", Stored(), documents(0, 59), precision=precision)
    for query in ("3", "45"):
        ids = [hit.id for hit in index.search(query, k=10)]
        assert ids[0] == f"d{query}"
        if precision == "ubinary":
            assert ids == [hit.id for hit in whole.search(query, k=10)]


def test_an_approximate_index_of_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance, "ANN_ROWS", 300)
    index = Index.create(tmp_path / "i", Stored(), documents(0, 500), precision="ubinary")
    table = lance.open_latest(tmp_path / "i")
    kinds = {index.field_names[0]: index.index_type for index in table.describe_indices()}
    assert kinds["bits"] == "IVF_FLAT"
    near = [hit.id for hit in index.search("7", k=5, rescore=100)]  # all: ties cut no one off
    assert near == [hit.id for hit in index.search("7", k=5, rescore=100, exact=True)]


def test_how_much_is_kept(tmp_path: Path) -> None:
    sizes = {}
    for precision in ("float32", "int8", "ubinary"):
        Index.create(tmp_path / precision, Stored(), documents(0, 500), precision=precision)  # type: ignore[arg-type]
        schema = lance.open_latest(tmp_path / precision).schema
        sizes[precision] = sum(
            field.type.list_size * field.type.value_type.bit_width // 8
            for field in schema
            if hasattr(field.type, "list_size")
        )
    assert sizes == {"float32": 4 * DIM, "int8": DIM + 3, "ubinary": 3}


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="precision: found 'binary'; expected float32, int8, ubi"):
        Index.create(tmp_path / "i", Stored(), documents(0, 5), precision="binary")
    assert not list(tmp_path.iterdir())
    index = Index.create(tmp_path / "i", Stored(), documents(0, 5), precision="int8")
    with pytest.raises(InputError, match="rescore: found 0; expected a whole number, 1 or more"):
        index.search("1", rescore=0)
    (tmp_path / "i" / "ranges.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"ranges\.npy: broken; index again"):
        Index.open(tmp_path / "i")
