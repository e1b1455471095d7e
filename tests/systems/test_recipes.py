import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.encoders import load_encoder
from dipole.errors import InputError
from dipole.systems import recipes
from dipole.systems.catalogue import entry_of
from dipole.training.recipe import Recipe, read_recipe
from support import kinds
from support.tiny_bert import save_tiny_bert
from support.tiny_llama import save_tiny_llama

# Recipe and kind of data, of all that a recipe says it wants.
CASES = [(name, kind) for name, found in recipes().items() for kind in found.settings["wants"]]
# Those for a transformer, with what suits a small one.
TRANSFORMERS = {"matryoshka-2d": ["--matryoshka", "8,16"]}
# Towers of texts start small.
SMALL = ["--encoder-option", "dim=8", "--encoder-option", "buckets=64"]
SMALL_TEXT = ["--encoder-option", "text_options={buckets: 64}"]
SHORT = ["--mine", "max_new_tokens=4"]
# Of recipes for more data than the small files have.
FEWER = {
    "b3": ["--sampler-option", "community=8"],
    "multi-similarity": ["--sampler-option", "per_class=4"],
    "ampo": ["--mine", "samples=3", "--mine", "count=1", *SHORT],
    "d2o": ["--mine", "samples=2", *SHORT],
    "online-offline-gap": SHORT,
    "selfie-spa": SHORT,
    "declutr": ["--mine", "longest=1", "--mine", "shortest=1"],
    "denosent": [
        "--encoder-option", "head=32", "--part", "dipole.systems.text.denosent:Rebuilder:layers=1",
    ],
    "dse": ["--encoder-option", "last=2", "--part", "teacher:model=bm25"],
    "micse": ["--objective-option", "first=0", "--objective-option", "last=1"],
    "multicsr": ["--mine", "least=-5", "--mine", "most=5"],
    "sg-opt": ["--part", "dipole.systems.text.sg_opt:SelfGuide:width=8"],
    "universal-sentence-encoder": [*SMALL, "--encoder-option", "width=8"],
    "proto-triplet-icnn": [
        "--sampler-option", "per_class=4",
        "--part", "dipole.systems.vision.proto_triplet_icnn:Episode:shots=1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", list(recipes()))
def test_a_recipe_is_of_a_system_and_says_which_data_it_wants(name):
    entry_of(name)
    assert "data" not in read_recipe(name)
    assert read_recipe(name)["wants"]


def beside(settings, folder):
    """What a user of a recipe has to say beside the data: a transformer to adapt, its domains."""
    words, front = [], ""
    encoder = settings.get("encoder", "")
    is_put_on = "adapter" in settings and encoder != "template"
    if is_put_on or encoder.endswith(":DomainExperts"):
        bert = save_tiny_bert(folder / "bert", [text for row in kinds.ROWS for text in row])
        words = ["--encoder", bert]
    if encoder.endswith(":DomainExperts"):
        front = "[a] "
        words = ["--encoder-option", f"base={bert}", "--encoder-option", "domains=[a, b]"]
        words += ["--prompt", f'query="{front}"', "--prompt", f'document="{front}"']
    return words, front


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_recipe_trains_by_one_command(name, kind, tmp_path):
    """Two steps on a file or folder of the kind it wants; the model is loaded and encodes."""
    data, settings = kinds.write(kind, tmp_path), read_recipe(name)
    command = ["train", "--recipe", name, "--data", data, "--out", tmp_path / "run"]
    command += ["--max-steps", "2", "--batch-size", "8"]
    if settings.get("sampler") == "sources":
        (tmp_path / "more").mkdir()
        command += ["--source", kinds.write(kind, tmp_path / "more")]
    if kind.endswith("images") and "encoder" not in settings:
        command += ["--encoder", "conv"]
    elif kind in ("image-text", "modalities"):
        command += SMALL_TEXT
    elif kind == "preferences":
        command += ["--encoder", f"lm:{save_tiny_llama(tmp_path / 'llama')}"]
    elif transformer := _transformer(settings, tmp_path):
        command += transformer
    elif name in TRANSFORMERS:
        folder = save_tiny_bert(tmp_path / "bert", [text for row in kinds.ROWS for text in row])
        command += ["--encoder", folder, *TRANSFORMERS[name]]
    elif not kind.endswith("images") and not {"encoder", "adapter"} & settings.keys():
        command += SMALL
    command += FEWER.get(name, [])
    more, front = beside(settings, tmp_path)
    done = CliRunner().invoke(app, [str(word) for word in [*command, *more]])
    assert done.exit_code == 0, done.output + repr(done.exception)
    encoder = load_encoder(tmp_path / "run")
    inputs = [front + text if front else text for text in kinds.sample(kind)]
    assert len(encoder.encode(inputs)) == 2
    if kind in ("image-text", "modalities"):  # the images were read as images
        assert len(encoder.encode(kinds.sample("images"), role="image")) == 2


def _transformer(settings, folder):
    """The options that name a small one, of a recipe that is for a transformer."""
    kind = settings.get("encoder")
    if kind == "template":
        return ["--encoder-option", f"model={save_tiny_llama(folder / 'llama')}"]
    is_option = kind in ("layers", "spans", "masked", "prompted") or str(kind).endswith(":Marked")
    if not is_option and "adapter" not in settings:
        return []
    texts = [text for row in kinds.ROWS for text in row]
    parts = [
        part if isinstance(part, str) else next(iter(part)) for part in settings.get("parts", [])
    ]
    edits = parts if any(name.endswith(":Discriminated") for name in parts) else []
    place = save_tiny_bert(
        folder / "bert", texts, masked=kind in ("masked", "prompted") or bool(edits)
    )
    ends = {name: f":generator={place}" * name.endswith(":Discriminated") for name in edits}
    more = [word for name, end in ends.items() for word in ("--part", name + end)]
    return ["--encoder-option", f"model={place}", *more] if is_option else ["--encoder", place]


def test_a_path_is_a_recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("objective: dcl\n")
    assert read_recipe(path) == {"objective": "dcl"}


def test_a_recipe_written_out_is_the_recipe(tmp_path):
    path = tmp_path / "esimcse.yaml"
    path.write_text(recipes()["esimcse"].yaml())
    assert read_recipe(path) == read_recipe("esimcse")


def test_other_settings_go_before():
    assert (Recipe(objective="dcl", temperature=0.1) | {"temperature": 0.2}).settings == {
        "objective": "dcl",
        "temperature": 0.2,
    }


def test_unknown_names_get_a_hint():
    with pytest.raises(InputError, match="did you mean 'dcl'"):
        read_recipe("dlc")
    with pytest.raises(InputError, match="no such file"):
        read_recipe("missing.yaml")
