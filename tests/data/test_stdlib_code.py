from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.data import Pairs, load_pairs, load_retrieval
from dipole.data.stdlib_code import library_files, split_modules, stdlib_code, unique_entries
from dipole.errors import InputError


@pytest.fixture(scope="module")
def everything(shared_cache: Path) -> Pairs:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIPOLE_CACHE", str(shared_cache))
        return stdlib_code("all")


def test_it_holds_some_thousand_pairs_and_no_text_twice(everything: Pairs) -> None:
    assert 3000 < len(everything) < 8000
    assert len(set(everything.ids)) == len(everything)
    for field in ("anchor", "positive"):
        assert len(set(everything.keys(field).tolist())) == len(everything)


def test_splits_share_no_module_and_miss_no_pair(everything: Pairs) -> None:
    for seed in range(3):
        modules, ids = {}, []
        for split in ("train", "validation", "test"):
            part = stdlib_code(split, seed)
            modules[split] = {part.metadata(i)["module"] for i in range(len(part))}
            ids += part.ids
        assert not modules["train"] & modules["test"]
        assert not modules["train"] & modules["validation"]
        assert not modules["validation"] & modules["test"]
        assert sorted(ids) == sorted(everything.ids)
        assert 0.12 <= len(stdlib_code("test", seed)) / len(everything) <= 0.15
        assert 0.04 <= len(stdlib_code("validation", seed)) / len(everything) <= 0.06
    both = stdlib_code("train+validation", 2)
    assert len(both) == len(everything) - len(stdlib_code("test", 2))
    assert stdlib_code("test", 0).ids != stdlib_code("test", 1).ids


def test_metadata_leads_to_the_definition(everything: Pairs) -> None:
    for i in range(0, len(everything), 97):
        about = everything.metadata(i)
        line = Path(about["path"]).read_text("utf-8").splitlines()[about["line"] - 1]
        assert f" {about['name'].split('.')[-1]}" in line
        assert about["path"].endswith(about["file"])
        assert not {"test", "tests", "idle_test", "site-packages"} & set(about["file"].split("/"))


def test_another_process_reads_the_same_set(everything: Pairs) -> None:
    code = (
        "from dipole.data import load_pairs; p = load_pairs('stdlib-code', split='test', seed=1)\n"
        "print(len(p), p.keys('anchor').sum(), p.keys('positive').sum(), p.ids[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    part = stdlib_code("test", 1)
    wanted = [len(part), part.keys("anchor").sum(), part.keys("positive").sum(), part.ids[0]]
    assert run.stdout.split() == [str(value) for value in wanted]


def test_retrieval_finds_every_docstring_its_code(everything: Pairs) -> None:
    data = load_retrieval("stdlib-code", split="test", seed=0)
    pairs = load_pairs("stdlib-code", split="test", seed=0)
    assert list(data.corpus.items()) == list(zip(pairs.ids, pairs.column("positive"), strict=True))
    assert list(data.queries.values()) == pairs.column("anchor")
    assert data.qrels == {f"q/{name}": {name: 1} for name in pairs.ids}
    assert data.metadata[pairs.ids[3]] == pairs.metadata(3)
    assert len(load_retrieval("stdlib-code", split="all").corpus) == len(everything)


def test_wrong_splits() -> None:
    with pytest.raises(InputError, match="found split='dev'; expected train, validation, test"):
        stdlib_code("dev")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 9), min_size=60, max_size=90), st.integers(0, 9))
def test_a_split_keeps_its_shares(counts: list[int], seed: int) -> None:
    sizes = {f"module{i}": count for i, count in enumerate(counts)}
    split = split_modules(sizes, seed)
    taken = Counter({"test": 0, "validation": 0})
    for name, part in split.items():
        taken[part] += sizes[name]
    total = sum(sizes.values())
    assert taken["test"] <= 0.15 * total
    assert taken["validation"] <= 0.06 * total
    assert taken["test"] + max(sizes.values()) > 0.12 * total
    assert split == split_modules(dict(reversed(sizes.items())), seed)


def test_tests_and_installed_packages_are_no_library_and_duplicates_go(tmp_path: Path) -> None:
    body = "    return [value for value in range(number) if value % 2 == 0 and value % 3 == 0]\n"
    one = f'def f(number):\n    """Return the numbers that are even."""\n{body}'
    for name, text in {
        "a.py": one + one.replace("def f", "def g"),  # same docstring
        "b/__init__.py": one.replace("even.", "round ones"),  # same code
        "b/c.py": one.replace("are even.", "are square").replace("% 2", "% 7"),
        "test/d.py": one.replace("are even", "pass the test").replace("% 2", "% 11"),
        "site-packages/e.py": one.replace("are even", "come from afar").replace("% 2", "% 13"),
        "broken.py": "def f(:",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert [path.name for path in library_files(tmp_path)] == [
        "a.py",
        "broken.py",
        "__init__.py",
        "c.py",
    ]
    assert [entry.id for entry in unique_entries(tmp_path)] == ["a.f", "b.c.f"]
