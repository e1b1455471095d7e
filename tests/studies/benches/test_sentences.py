import pytest

from dipole.studies.benches import sentences


@pytest.mark.parametrize("name", ["rows", "alike"])
def test_quick_rows_need_no_data(name, monkeypatch):
    monkeypatch.delenv("DIPOLE_DATA", raising=False)
    train, test = (getattr(sentences, name)(split, quick=True) for split in ("train", "test"))
    assert len(train) > 0
    assert len(test) > 0


def test_pairs_that_say_the_same_and_scores_to_tune_on(tmp_path, monkeypatch):
    (tmp_path / "stsb").mkdir()
    (tmp_path / "sick").mkdir()
    for part, word in (("train", "dog"), ("dev", "cat"), ("test", "cow")):
        lines = [f"a {word} {i},the {word} {i},{i}" for i in range(6)]
        (tmp_path / f"stsb/stsb-en-{part}.csv").write_text("\n".join(lines) + "\n")
    head = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"
    for part in ("train", "trial", "test_annotated"):
        line = "1\ta hound\tno hound\t3.5\tCONTRADICTION"
        (tmp_path / f"sick/SICK_{part}.txt").write_text(f"{head}\n{line}\n")
    monkeypatch.setenv("DIPOLE_DATA", str(tmp_path))
    found = sentences.alike("train")
    pairs = list(zip(found.column("anchor"), found.column("positive"), strict=True))
    assert pairs == [("a dog 4", "the dog 4"), ("a dog 5", "the dog 5")]
    tuned, judged = (sentences.tuning("test"), sentences.rows("test"))
    assert set(tuned.column("first")) == {f"a dog {i}" for i in range(6)}
    assert set(judged.column("first")) == {f"a cat {i}" for i in range(6)}
