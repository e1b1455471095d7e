"""What is wrong is said in one line, before the work and with nothing half written."""

import json

import pytest

from dipole.errors import InputError
from support.evaluating import invoke


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (
            ["good", "--task", "sums"],
            "--task sums: no such task; expected retrieval, sts, reranking, ",
        ),
        (["none", "--data", "{beir}"], "none: no such folder"),
        (["good", "--data", "{beir}", "--baseline", "bm52"], "bm52: .* did you mean 'bm25'?"),
        (["good", "--data", "{beir}", "--baseline", "good"], "good: given twice"),
        (["good", "--task", "sts", "--data", "{pairs}", "--baseline", "bm25"], "finds documents"),
        (["good", "--task", "sts", "--data", "{pairs}", "--trec-run", "x"], "ranks nothing"),
        (
            ["good", "--data", "{beir}", "--score", "x"],
            "--score: a column that retrieval does not have; expected --task sts, pair-",
        ),
        (["good", "--data", "{beir}", "--per-query", "x.csv"], "expected .jsonl or .tsv"),
        (["good", "--data", "{beir}", "--trec-run", "no/x"], "no folder no"),
        (["good", "--data", "{beir}", "--split", "dev"], "dev"),
        (["good", "--data", "no-such-data"], "no-such-data"),
        (["nan", "--data", "{beir}"], "nan: 39 of 39 query vectors are not finite"),
        (["constant", "--data", "{beir}"], "constant: all 60 documents have the same vector"),
        (["constant", "--task", "sts", "--data", "{pairs}"], "cosines of constant are the same"),
        (["good", "--task", "knn"], "--task knn: no data; expected --data, texts or images with"),
        (
            ["good", "--task", "knn", "--data", "{pairs}"],
            "a file has no train split; expected --tr",
        ),
        (
            ["good", "--task", "sts", "--data", "{pairs}", "--k", "3"],
            "--k: a setting of --task knn",
        ),
        (["good", "--template", "{{}}"], "--template: a setting of --task zero-shot"),
        (["good", "--train", "x"], "--train: retrieval learns nothing; expected --task knn or pro"),
        (["good", "--role", "query"], "--role: retrieval knows its roles; expected --task knn, "),
        (
            ["pixels", "--task", "knn", "--data", "digits", "--role", "x"],
            "--role x: expected query",
        ),
        (["pixels"], "pixels: vectors of images; expected a task on labelled images"),
        (
            ["pixels", "--task", "knn", "--data", "digits", "--split", "train"],
            "--split train: it is",
        ),
        (
            ["pixels", "--task", "knn", "--data", "digits", "--k", "9999"],
            "k is 9999; expected 1 to",
        ),
        (["good", "--task", "geometry", "--per-query", "x.tsv"], "measures no single items"),
        (["none.npz", "--data", "{beir}"], "none.npz: no such file of vectors"),
        (["none.npz", "--task", "knn", "--data", "digits", "--role", "query"], "encode nothing"),
        (
            ["good", "--task", "sts", "--data", "{pairs}", "--split", "dev"],
            "--split dev: .* is a file",
        ),
        (["good", "--data", "{beir}", "--anchor", "text"], "found anchor='text' for data whose"),
        (["good", "--data", "stdlib-code", "--positive", "x"], "found positive='x' for data"),
        (["good", "--data", "{beir}", "--query", "x"], "--query: a column that retrieval does not"),
        (["good", "--data", "{beir}", "--on-bad-row", "x"], "--on-bad-row x: expected error or sk"),
        (["good", "--data", "{beir}", "--at", "1,x"], "--at 1,x: expected whole numbers from 1 on"),
        (["good", "--data", "{beir}", "--at", "61"], "nDCG@61: the corpus has 60 documents"),
        (["none", "--data", "{beir}", "--measure", "MPR"], "no such measure; did you mean"),
        (
            ["good", "--task", "sts", "--data", "{pairs}", "--at", "3"],
            "--at: a setting of --task re",
        ),
        (["good", "--task", "sts", "--data", "{pairs}", "--measure", "P"], "--measure: a setting"),
        (
            ["good", "--task", "knn", "--data", "{pairs}", "--keep-identical-ids"],
            "--ignore-identical-ids: a setting of --task retrieval, not of knn",
        ),
        (
            ["good", "--task", "geometry", "--data", "{pairs}", "--anchor", "a", "--label", "b"],
            "--label: found beside columns of pairs data; expected --anchor, --positive alone",
        ),
    ],
)
def test_errors_are_one_line(arguments, match, beir, pairs):
    with pytest.raises(InputError, match=match) as error:
        invoke(*(a.format(beir=beir, pairs=pairs) for a in arguments))
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("never_encoded")
def test_what_can_be_refused_is_refused_before_the_encoding(tmp_path, beir):
    """Nothing is encoded, and nothing is written."""
    path = tmp_path / "blank.jsonl"
    rows = [{"id": f"row {i}", "anchor": f"open {i}", "positive": f"file {i}"} for i in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    out.mkdir()
    files = ["--per-query", out / "q.jsonl", "--trec-run", out / "run.trec"]
    with pytest.raises(InputError, match="--trec-run: the query id 'q/row 0' holds blanks"):
        invoke("never", "--data", path, *files)
    (tmp_path / "file").write_text("")
    for arguments, match in (
        (["--per-query", tmp_path / "none" / "q.jsonl"], "--per-query .*: no folder"),
        (["--per-query", tmp_path / "file" / "q.jsonl"], "--per-query .*: no folder"),
        (["--trec-run", out], "--trec-run .*: is a folder; expected a file"),
        (["--per-query", out / "x.tsv", "--trec-run", out / "x.tsv"], "given twice"),
        (["--at", "1000"], "nDCG@1000: the corpus has 60 documents; expected a cut-off of at most"),
    ):
        with pytest.raises(InputError, match=match):
            invoke("never", "--data", beir, *arguments)
    assert list(out.iterdir()) == []


def test_files_are_written_all_or_none(tmp_path, beir, monkeypatch):
    import dipole.data.trec

    def broken(path, lines):
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    out.mkdir()
    (out / "q.jsonl").write_text("before")
    monkeypatch.setattr(dipole.data.trec, "_write", broken)
    with pytest.raises(OSError, match="No space"):
        invoke(
            "good", "--data", beir, "--per-query", out / "q.jsonl", "--trec-run", out / "run.trec"
        )
    assert [path.name for path in out.iterdir()] == ["q.jsonl"]
    assert (out / "q.jsonl").read_text() == "before"
