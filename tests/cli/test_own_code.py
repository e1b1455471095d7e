"""Code of one's own by its file: an encoder that trains, is saved and found again; the others."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dipole.cli import app
from dipole.errors import InputError

DOCS = Path(__file__).parents[2] / "docs"
PLACE = "my_tower.py:MyTower"


def code_of(page, section):
    """The first Python of a section of a page."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(section)[2]
    return re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]


def tower_of_the_page():
    return code_of("encoders.md", "## An encoder of your own")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A working directory with pairs and documents; what tests import is forgotten after them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("dipole.lookup._given", {})
    rows = [f"where is number {n},number {n} is here" for n in range(24)]
    (tmp_path / "pairs.csv").write_text("\n".join(["question,answer", *rows]) + "\n")
    (tmp_path / "texts.csv").write_text("\n".join(["text", *(r.split(",")[0] for r in rows)]))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def dipole(*arguments):
    """Runs in this process; an error of the user's comes out as it is."""
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def elsewhere(folder, *commands):
    """Exit code and what was said of each command, in one process of its own."""
    code = (
        "import sys, subprocess\n"
        "from typer.testing import CliRunner\n"
        "from dipole.cli import app\n"
        "for line in sys.argv[1:]:\n"
        "    done = CliRunner().invoke(app, line.split())\n"
        "    print('CODE', done.exit_code, repr(done.exception), done.output)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *commands],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [part.strip() for part in found.stdout.split("CODE")[1:]]


def train(out, **settings):
    options = {"data": "pairs.csv", "max-steps": 2, "batch-size": 8, "out": out} | settings
    return dipole("train", *(part for n, v in options.items() for part in (f"--{n}", v)))


def test_an_encoder_of_a_file_is_found_again(desk):
    (desk / "my_tower.py").write_text(tower_of_the_page())
    train("run", encoder=PLACE, **{"encoder-option": "dim=8"})
    told = (
        "evaluate run --data pairs.csv",
        "index run --corpus pairs.csv --text answer --out docs.index",
        "search docs.index number",
        "train --resume --out run --max-steps 3",
    )
    refused = elsewhere(desk, *told[:2], told[3])
    for said in refused:
        assert re.match(rf"1 InputError\(.*{PLACE}, code that is not dipole's; .*trust-code", said)
    (evaluated, *done) = elsewhere(desk, *(f"{line} --trust-code" for line in told))
    assert evaluated.startswith("0 None")
    assert "MRR@10" in evaluated
    assert [said[:6] for said in done] == ["0 None"] * 3
    assert "trained 3 steps" in done[-1]
    # In a process of its own the search loads the copy in the index; resumed by its name, no word.
    named = f"train --resume --out run --max-steps 4 --encoder {PLACE}"
    unnamed, resumed = elsewhere(desk, told[2], named)
    assert re.match(rf"1 InputError\(.*{PLACE}, code that is not", unnamed)
    assert resumed.startswith("0 None")
    (desk / "my_tower.py").rename(desk / "moved.py")
    (gone,) = elsewhere(desk, f"{told[0]} --trust-code")
    assert "config.json: class: found 'my_tower.py:MyTower'; no such file in" in gone


def test_the_modality_of_the_page(desk):
    """Sounds alone, and with texts beside them; the commands are the page's."""
    (desk / "my_sound.py").write_text(code_of("encoders.md", "## A modality of your own"))
    sounds = [[((i + 3) * t % 97) / 97 for t in range(100 + i)] for i in range(24)]
    files = {
        "heard": [{"anchor": sound, "positive": sound[5:]} for sound in sounds],
        "sounds": [{"sound": s, "caption": f"sound of kind {i}"} for i, s in enumerate(sounds)],
    }
    for name, rows in files.items():
        (desk / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    text = (DOCS / "encoders.md").read_text(encoding="utf-8").replace("\\\n", " ")
    block = text.partition("## A modality of your own")[2].partition("```bash\n")[2]
    alone, beside, measured = block.partition("```")[0].splitlines()
    dipole(*alone.split()[1:], "--max-steps", 2)
    dipole(*beside.split()[1:], "--max-steps", 2)
    assert "MRR@10" in dipole(*measured.split()[1:])


LOAD = """    @classmethod
    def load(cls, folder):
        return cls()

    def forward("""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim: int": "size: int", "= dim ": "= size ", ", dim,": ", size,"}, "attribute 'size'"),
        ({"Bag(1024": "Bag(1024 + torch.randint(9, ())"}, "size mismatch for letters.weight"),
        ({"    def forward(": LOAD}, "loaded again its weight 'letters.weight' is another"),
        ({"import torch\n": "import torhc\n"}, "my_tower.py, line 2: ModuleNotFoundError: No"),
        ({"MyTower(": "MyTowr("}, "my_tower.py has no MyTower; did you mean 'MyTowr'"),
        ({"dim: int = 64": "dim: int"}, "encoder option 'dim': missing; expected --encoder-opti"),
    ],
)
def test_what_would_not_come_back_is_refused_before(desk, changes, message):
    text = tower_of_the_page()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (desk / "my_tower.py").write_text(text)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        train("run", encoder=PLACE)
    assert "\n" not in str(caught.value)
    assert not (desk / "run").exists()


OBJECTIVE = """
from dipole.objectives import Objective

class Far(Objective):
    scale: float = 1.0

    def forward(self, anchor, positive):
        return self.scale * (anchor - positive).square().sum(1).mean()
"""
SAMPLER = code_of("negatives.md", "### One of your own")
VIEW = """
from dipole.views import View

class Upper(View):
    on = "inputs"

    def __init__(self, times: int = 1):
        super().__init__()
        self.times = times

    def forward(self, inputs, generator):
        return [text.upper() * self.times for text in inputs]
"""


@pytest.mark.parametrize(
    ("kind", "text", "place", "option"),
    [
        ("objective", OBJECTIVE, "my_code.py:Far", "scale=2.0"),
        ("view", VIEW, "my_code.py:Upper", "times=2"),
        ("sampler", SAMPLER, "my_code.py:alike", "letters=2"),
    ],
)
def test_objective_view_and_sampler_of_a_file(desk, kind, text, place, option):
    (desk / "my_code.py").write_text(text)
    data = {"data": "texts.csv", "anchor": "text"} if kind == "view" else {}
    train("run", **{kind: place, f"{kind}-option": option}, **data)
    key = option.partition("=")[0]
    with pytest.raises(InputError, match=f"'{key}x'"):
        train("other", **{kind: place, f"{kind}-option": f"{key}x=2"}, **data)
    refused, resumed = elsewhere(
        desk,
        "train --resume --out run --max-steps 3",
        "train --resume --out run --max-steps 3 --trust-code",
    )
    assert re.match(rf"1 InputError\(.*config.yaml: {kind} is {place}, code", refused)
    assert resumed.startswith("0 None")


def test_a_term_of_a_sum_is_a_file_s_class(desk):
    (desk / "my_code.py").write_text(OBJECTIVE)
    train(
        "run",
        objective="infonce + 0.5 * my_code.py:Far",
        **{"objective-option": "my_code.py:Far.scale=2.0"},
    )


def test_names_that_are_near(desk):
    with pytest.raises(InputError, match="sampler: found 'uniqe'; did you mean 'unique'"):
        train("run", sampler="uniqe")
