"""Files of vectors: what stands in them, and that a killed call goes on to the same file."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from dipole.data.kept import load_kept
from dipole.encoders import ConvImage, StaticText, encode_file
from dipole.encoders import encoding as module
from dipole.errors import InputError
from dipole.evaluation.stored_vectors import load_vectors

TEXTS = [f"{a} {b} {c}" for a in ("open", "close") for b in ("file", "path", "list") for c in "xyz"]
ROWS = [
    {"key": f"k{i}", "text": text, "year": i if i % 3 else None, "any": i if i % 2 else text}
    for i, text in enumerate(TEXTS)
]


@pytest.fixture(scope="module")
def encoder():
    return StaticText.from_texts(TEXTS, TEXTS, dim=24)


@pytest.fixture
def data():
    return load_kept(ROWS, id="key", keep=["year", "any"])


def test_every_format_holds_ids_columns_and_vectors(encoder, data):
    vectors = encoder.encode(TEXTS)
    assert encode_file(encoder, data, "v.npy") == len(TEXTS)
    stored = load_vectors("v.npy")  # as `dipole evaluate v.npy` reads it
    assert list(stored.row) == [row["key"] for row in ROWS]
    assert np.abs(stored.vectors - vectors).max() < 1e-6

    encode_file(encoder, data, "v.parquet", keep=["year", "any"])
    table = pq.read_table("v.parquet")
    assert table.column_names == ["id", "year", "any", "vector"]
    assert table["year"].to_pylist() == [row["year"] for row in ROWS]
    assert table["any"].to_pylist() == [str(row["any"]) for row in ROWS]  # of two types: text
    assert np.abs(np.array(table["vector"].to_pylist()) - vectors).max() < 1e-6

    encode_file(encoder, data, "v.jsonl", keep=["any"])
    lines = [json.loads(line) for line in module.Path("v.jsonl").read_text().splitlines()]
    assert [(line["id"], line["any"]) for line in lines] == [(r["key"], r["any"]) for r in ROWS]
    found = np.array([line["vector"] for line in lines], np.float32)
    assert (found == np.load("v.npy")).all()  # nine digits are all of a float32


def test_role_truncation_and_length(encoder, data):
    encode_file(encoder, data, "v.npy", role="query", truncate=8)
    cut = encoder.encode(TEXTS, role="query")[:, :8]
    assert np.abs(np.load("v.npy") - cut).max() < 1e-6
    encode_file(encoder, data, "u.npy", role="query", truncate=8, normalize=True)
    assert np.abs(np.load("u.npy") - cut / np.linalg.norm(cut, axis=1)[:, None]).max() < 1e-6


def test_precisions_and_ranges_of_other_vectors(encoder, data):
    vectors = encoder.encode(TEXTS)
    encode_file(encoder, data, "b.npy", precision="ubinary")
    assert (np.load("b.npy") == np.packbits(vectors > 0, axis=1)).all()
    encode_file(encoder, data, "i.npy", precision="int8")
    ranges = np.load("i.ranges.npy")
    assert (ranges == [vectors.min(0), vectors.max(0)]).all()
    assert np.load("i.npy").dtype == np.int8
    encode_file(encoder, data, "q.npy", role="query", precision="int8", ranges=ranges)
    assert [path.name for path in module.Path().glob("*.ranges.npy")] == ["i.ranges.npy"]
    # Half a step, and a step more for those outside: a code says its number.
    step = (ranges[1] - ranges[0]) / 255
    again = (np.load("i.npy").astype(np.float32) + 128.5) * step + ranges[0]
    assert np.abs(again - vectors).max() < step.max()


@pytest.mark.parametrize("name", ["v.npy", "v.parquet", "v.jsonl"])
def test_a_killed_call_goes_on_to_the_same_file(encoder, data, name, monkeypatch):
    keep = [] if name == "v.npy" else ["year"]
    monkeypatch.setattr(module, "_inputs", _blocks_of_three)
    encode_file(encoder, data, f"whole-{name}", keep=keep)
    blocks, whole = [], module.encode_with

    def until(encoders, inputs, *args, **more):
        if len(blocks) == 2 and blocks[-1] is not None:
            blocks.append(None)
            raise KeyboardInterrupt
        blocks.append(inputs)
        return whole(encoders, inputs, *args, **more)

    monkeypatch.setattr(module, "encode_with", until)
    with pytest.raises(KeyboardInterrupt):
        encode_file(encoder, data, name, keep=keep)
    assert not module.Path(name).exists()
    done = module.Path(f".{name}.encoding")
    assert json.loads((done / "state.json").read_text())["rows"] == 6
    encode_file(encoder, data, name, keep=keep)
    assert len(blocks) == 1 + 6  # each block once, and the one that was stopped
    assert not done.exists()
    assert module.Path(name).read_bytes() == module.Path(f"whole-{name}").read_bytes()


def _blocks_of_three(column, start):
    for row in range(start, len(column), 3):
        yield row, column[row : row + 3]


def test_another_model_or_other_data_begin_anew(encoder, data, capsys):
    work = module.Path(".v.npy.encoding")
    work.mkdir()
    (work / "settings.json").write_text('{"model": "another"}')
    (work / "state.json").write_text('{"rows": 18}')
    encode_file(encoder, data, "v.npy")
    assert np.abs(np.load("v.npy") - encoder.encode(TEXTS)).max() < 1e-6
    assert "an encoding by another model, or of other data, was stopped there" in (
        capsys.readouterr().err
    )


def test_blocks_end_at_a_size(monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 128)
    found = list(module._inputs(["text"] * 300, 0))
    assert [(start, len(block)) for start, block in found] == [(0, 128), (128, 128), (256, 44)]
    monkeypatch.setattr(module, "_SIZE", 100)
    assert [len(block) for _, block in module._inputs(["text"] * 300, 64)] == [64, 64, 64, 44]


def test_images():
    images = np.random.default_rng(0).integers(0, 255, (70, 8, 8), np.uint8)
    encoder = ConvImage.from_images(images, widths=[4, 8])
    encode_file(encoder, load_kept([{"image": image} for image in images]), "v.npy")
    assert np.abs(np.load("v.npy") - encoder.encode(images)).max() < 1e-6


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("v.csv", {}, r"out: found v\.csv; expected a name that ends in \.npy, \.parquet, \.jsonl"),
        ("v.npy", {"keep": ["year"]}, r"keep: found 'year' for a \.npy file"),
        ("v.jsonl", {"keep": ["id"]}, r"keep: found 'id', a column that is written anyway"),
        ("no/v.npy", {}, r"no/v\.npy: no folder no; expected one that exists"),
        ("v.npy", {"role": "both"}, r"role: found 'both'; expected 'query' or 'document'"),
        ("v.npy", {"truncate": 25}, r"truncate: found 25; expected a whole number, 1 to 24"),
        ("v.npy", {"truncate": 0}, r"truncate: found 0; expected a whole number, 1 to 24"),
        ("v.npy", {"precision": "int4"}, r"precision: found 'int4'; expected float32, int8"),
    ],
)
def test_mistakes_are_said_before_the_work(encoder, data, out, options, message):
    with pytest.raises(InputError, match=message):
        encode_file(encoder, data, out, **options)
    assert not list(module.Path().glob(".*"))


def test_what_is_there_stays(encoder, data):
    module.Path("v.npy").write_text("mine")
    with pytest.raises(InputError, match=r"v\.npy: exists; expected the name of a new file"):
        encode_file(encoder, data, "v.npy")


def test_a_vector_that_is_not_finite_is_named(data):
    broken = StaticText.from_texts(TEXTS, TEXTS, dim=4)
    broken.vectors.data.fill_(float("nan"))
    with pytest.raises(InputError, match="id 'k0': the model gave a vector that is not finite"):
        encode_file(broken, data, "v.npy")


def test_an_id_with_a_line_break_is_no_line(encoder):
    data = load_kept([{"id": "a\nb", "text": "open"}])
    with pytest.raises(InputError, match=r"the id 'a\\nb' has a line break"):
        encode_file(encoder, data, "v.npy")
    assert not module.Path("v.npy").exists()
    encode_file(encoder, data, "v.parquet")
    assert pq.read_table("v.parquet")["id"].to_pylist() == ["a\nb"]
