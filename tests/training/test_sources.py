"""How data sets beside --data are said, and what is refused of them."""

import pytest
import yaml

import dipole
from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.formats import translated
from dipole.training.sources import sources_of
from dipole.training.tasks import load_tasks
from support.sources import GIVEN, graded
from support.tiny import TinyEncoder, word_pairs


@pytest.mark.parametrize(
    "written",
    [
        "sts.csv:objective=cosent,share=0.3,score=label",
        {"sts.csv": {"objective": "cosent", "share": 0.3, "score": "label"}},
        ["sts.csv:objective=cosent,share=0.3,score=label"],
    ],
)
def test_a_source_is_written_as_a_part_is(written):
    config = make_config(data="x.csv", anchor="a", temperature=0.1, sources=written)
    assert config.model_dump()["sources"] == [
        {"sts.csv": {"objective": "cosent", "share": 0.3, "score": "label"}}
    ]
    _, source = sources_of(config)
    own = source.config
    assert (own.data, own.objective, own.score, source.share) == ("sts.csv", "cosent", "label", 0.3)
    assert (own.anchor, own.temperature) == (None, None)  # those are of --data and its objective


def test_what_is_not_said_is_the_trainings():
    config = make_config(
        data="x.csv", temperature=0.1, parts="queue:size=4", wants=["pairs"], validation="0.1",
        sources=["y.csv", {"z.csv": {"validation": "z2.csv"}}],
    )  # fmt: skip
    _, same, other = (source.config for source in sources_of(config))
    assert (same.temperature, same.parts, same.wants) == (0.1, config.parts, ["pairs"])
    assert (same.validation, other.validation) == ("0.1", "z2.csv")
    config = make_config(data="x.csv", validation="held.csv", sources=["y.csv"])
    assert sources_of(config)[1].config.validation is None  # a file is of one kind of data


def test_every_source_is_in_the_fingerprint(files, tmp_path):
    settings = {"sources": [f"{files['graded']}:objective=cosent"], "max_steps": 4, **GIVEN}
    dipole.fit(files["pairs"], out=tmp_path / "run", checkpoint_every=2, **settings)
    (tmp_path / "run" / "result.json").unlink()
    with open(files["graded"], "a") as file:
        file.write("new,row,3\n")
    message = r"graded.csv: changed since this run began: 40 rows then, 41 now"
    with pytest.raises(InputError, match=message):
        dipole.fit(files["pairs"], out=tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{graded}:objective=cosnt", r"source {graded}: objective: found 'cosnt'; did you mean"),
        ("{graded}:objectiv=cosent", r"setting 'objectiv': no such setting; did you mean"),
        ("{graded}:objective=cosent,share=2", r"source {graded}: share: found 2; expected"),
        ("{graded}:objective=cosent,score=x", r"{graded}: no column 'x' \(--score\)"),
        ("{graded}:objective=infonce", r"{graded}: found scores of pairs .* these do: .*cosent"),
        ("{pairs}:batch_size=x", r"source {pairs}: batch_size: found 'x'"),
        ("{more}:objective=cosent", r"source {more}: .*|{more}: .*"),
        ("gone.csv", r"gone.csv: "),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_source(files, tmp_path, source, message):
    with pytest.raises(InputError, match=message.format(**files)) as error:
        dipole.fit(
            files["pairs"], out=tmp_path / "run", sources=[source.format(**files)],
            max_steps=1, **GIVEN,
        )  # fmt: skip
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_shares_leave_something_for_data(files):
    sources = [f"{files['more']}:share=0.6", f"{files['graded']}:objective=cosent,share=0.4"]
    with pytest.raises(InputError, match="sources: found shares of 1 in all; expected less than 1"):
        load_tasks(make_config(data=files["pairs"], sources=sources))


def test_a_temperature_that_no_task_uses_is_refused(files):
    config = make_config(data=files["pairs"], by_kind={"pairs": "dcl"}, temperature=0.2)
    with pytest.raises(InputError, match=r"temperature: found 0.2, and the objectives by kind"):
        load_tasks(config)


def test_more_data_is_said_by_sources_now(files, tmp_path):
    old = {"data": files["pairs"], "more_data": [files["more"]], "anchor": "question"}
    with pytest.raises(
        InputError, match=r"^more_data: now said by sources; expected --source "
    ) as e:
        make_config(**old)
    assert yaml.safe_load(str(e.value).partition("sources: ")[2].rpartition(" (")[0]) == [
        {files["more"]: {"anchor": "question"}}
    ]
    found = translated(old | {"split": "train", "positive": None, "view": []})
    assert found["sources"] == [{files["more"]: {"anchor": "question"}}]
    assert "more_data" not in found


def test_a_run_of_more_data_goes_on(files, tmp_path, monkeypatch):
    """Written by a dipole that said more_data: it is the same training."""
    whole = dipole.fit(
        files["pairs"], out=tmp_path / "a", sources=[files["more"]], epochs=2, **GIVEN
    )
    out = tmp_path / "b"
    dipole.fit(
        files["pairs"], out=out, sources=[files["more"]], max_steps=4, checkpoint_every=2, **GIVEN
    )  # fmt: skip
    config = yaml.safe_load((out / "config.yaml").read_text())
    del config["sources"], config["by_kind"]
    (out / "config.yaml").write_text(yaml.safe_dump(config | {"more_data": [files["more"]]}))
    again = dipole.fit(out=out, resume=True, epochs=2)
    assert again.result["step"] == whole.result["step"]
    assert yaml.safe_load((out / "config.yaml").read_text())["sources"] == [{files["more"]: {}}]


def test_objects_of_python_are_asked_for_again(tmp_path, monkeypatch):
    import dipole.encoders
    from support.tiny import load_tiny

    monkeypatch.setattr(dipole.encoders, "load_encoder", load_tiny)
    given = {"max_steps": 3, "checkpoint_every": 2, **GIVEN}
    sources = [{graded(): {"objective": "cosent"}}]
    dipole.fit(word_pairs(16), TinyEncoder(), out=tmp_path / "run", sources=sources, **given)
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(InputError, match=r"sources: the run was given Scored.*fit\(sources="):
        dipole.fit(word_pairs(16), TinyEncoder(), out=tmp_path / "run", resume=True)
