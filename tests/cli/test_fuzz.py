"""Whatever is wrong is one clear line and exit code 2: some of what `support.fuzzing` tries."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import fuzzing

CASES = list(fuzzing.cases())


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return fuzzing.Desk.make(tmp_path_factory.mktemp("fuzz") / "desk")


@pytest.mark.parametrize("command", fuzzing.COMMANDS)
def test_what_the_fuzz_starts_from_works(desk, command):
    outcome = desk.run(desk.base(command))
    assert (outcome.code, outcome.raised) == (0, None), outcome.errors


def test_every_option_is_tried():
    commands = {command for command, _, _ in CASES}
    assert commands == set(fuzzing.COMMANDS)
    assert {option for command, option, _ in CASES if command == "train"} >= {
        "--data", "--encoder-option", "--part", "--locked", "--out",
    }  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=120, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=st.sampled_from(CASES))
def test_a_wrong_option_is_one_line(desk, case):
    command, option, value = case
    if command in ("compare", "tune"):  # as train's, in processes of their own
        command = "train" if option not in ("--objectives", "--budget", "--trials") else command
    outcome = desk.run(fuzzing.with_option(desk, command, option, value))
    assert outcome.fault is None, outcome.fault


@pytest.mark.slow
@settings(
    max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    command=st.sampled_from(["evaluate", "index", "search", "mine", "merge", "encode", "push"]),
    place=st.integers(0, 10**6),
    damage=st.sampled_from(fuzzing.DAMAGES),
)
def test_a_damaged_file_is_one_line(desk, command, place, damage):
    files = fuzzing.files_of_model(desk)
    with fuzzing.spoilt(files[place % len(files)], damage):
        outcome = desk.run(desk.base(command))
    assert outcome.fault is None, outcome.fault


@pytest.mark.slow
@settings(
    max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    command=st.sampled_from(["train", "evaluate", "index"]),
    suffix=st.sampled_from([".csv", ".jsonl", ".tsv", ".json", ".parquet", ".csv.gz", ".zip"]),
    content=st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='a,;\t\n"\r\0{}[]: 1', max_size=60).map(str.encode),
        st.lists(
            st.dictionaries(st.sampled_from(["anchor", "positive", "text", "id"]), st.text()
                            | st.none() | st.integers() | st.lists(st.text(), max_size=2)),
            max_size=4,
        ).map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    ),
)  # fmt: skip
def test_any_bytes_as_data_are_trained_on_or_one_line(desk, command, suffix, content):
    data = desk.root / f"data{suffix}"
    data.write_bytes(content)
    arguments = {
        "train": ["train", "--data", f"{data}", "--max-steps", "1", "--out", f"{desk.root}/out"],
        "evaluate": ["evaluate", f"{desk.root}/run", "--data", f"{data}"],
        "index": ["index", f"{desk.root}/run", "--corpus", f"{data}", "--out", f"{desk.root}/out"],
    }[command]
    outcome = desk.run(arguments)
    assert outcome.fault is None, outcome.fault
