"""Processes that would each decide otherwise, by a late digit, a clock or a file: one decides."""

from pathlib import Path

import pytest
import torch.distributed as dist

from dipole.errors import InputError
from support import distributed
from support.tiny import TinyEncoder, load_tiny, word_pairs


class Auto(TinyEncoder):
    """Takes the precision that is the faster one."""

    training_defaults = TinyEncoder.training_defaults | {"precision": "auto"}


def start(out, **settings):
    """One process of a run."""
    import dipole.encoders
    from dipole.training.fit import fit

    distributed.enter()
    dipole.encoders.load_encoder = load_tiny
    given = {"batch_size": 8, "encoder": Auto(), "data": word_pairs(24)} | settings
    return fit(given.pop("data"), given.pop("encoder"), out=out, show_progress=False, **given)


def measures(values, calls):
    """Validation by given values, in their order."""

    def make(held, training=None, parts=()):
        def measure(encoder):
            encoder.encode(["a"])
            calls.append(1)
            return values[len(calls) - 1]

        return "planted", measure

    return make


def refusal(start, *args, **settings):
    """The message of the error that a process raises."""
    try:
        start(*args, **settings)
    except InputError as error:
        return str(error)
    return None


def job(folder):
    """Everything that two processes see differently, one after the other."""
    from dipole.encoders import precision
    from dipole.training import loop, preparing
    from dipole.training.run import state

    folder, rank = Path(folder), dist.get_rank()
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        # On the second process every value is a little better than the one before.
        for name, sharded in (("patience", False), ("sharded", True)):
            calls = []
            values = [0.5 + rank * 1e-7 * k for k in range(10)]
            patch.setattr(preparing, "make_validation", measures(values, calls))
            held = {"validation": word_pairs(8), "validate_every": 1, "patience": 2}
            run = start(folder / name, epochs=4, sharded=sharded, **held)
            found[name] = run.result["step"], run.result["best"], len(calls)
        patch.undo()

        # One clock says that bfloat16 is the faster precision; one that a checkpoint is due.
        precision._FASTER.clear()
        patch.setattr(precision, "_seconds", lambda a, b: 1e-9 if rank and a.itemsize == 2 else 1.0)
        if rank:
            patch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
        seen = []
        save = state.State.save
        patch.setattr(
            state.State,
            "save",
            lambda self, **given: (seen.append(self.progress.step), save(self, **given))[1],
        )
        start(folder / "clocks", max_steps=3)
        text = (folder / "clocks" / "config.yaml").read_text()
        found["precision"] = [line for line in text.splitlines() if "precision" in line]
        found["saved"] = seen
        found["fast"] = precision.bfloat16_is_faster("cpu")
        patch.undo()
        precision._FASTER.clear()

        # An error of the main process alone, and data of one process that are others.
        def fail(held, training=None, parts=()):
            def measure(encoder):
                assert rank == 0
                raise InputError("planted: found nothing")

            return "planted", measure

        patch.setattr(preparing, "make_validation", fail)
        found["error"] = refusal(start, folder / "error", epochs=1, validation=word_pairs(8))
        patch.undo()
        found["data"] = refusal(start, folder / "data", data=word_pairs(24 + rank))
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return distributed.run(2, job, str(tmp_path_factory.mktemp("deciding")))


@pytest.mark.parametrize("name", ["patience", "sharded"])
def test_a_value_is_measured_once_and_its_decision_is_everybodys(both, name):
    first, second = (found[name] for found in both)
    assert first == (3, 0.5, 3)  # the first value is the best of the main process: two misses
    assert second == (3, 0.5, 0)  # and the other one measures nothing


def test_the_precision_of_the_main_process_is_taken_and_recorded(both):
    for found in both:
        assert found["precision"] == ["precision: fp32"]
        assert found["fast"] is False


def test_a_checkpoint_that_is_due_on_one_process_is_taken_by_all(both):
    assert both[0]["saved"] == both[1]["saved"]
    assert both[0]["saved"][:2] == [1, 2]


def test_an_error_of_the_main_process_is_raised_by_all(both):
    assert [found["error"] for found in both] == ["planted: found nothing"] * 2


def test_processes_with_other_data_are_refused(both):
    for found in both:
        assert "the encoder and the data: found others on process 1 of 2" in found["data"]
