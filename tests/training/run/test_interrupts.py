"""A signal asks; a second Ctrl-C insists; afterwards everything is as before."""

import signal
import threading

import pytest

from dipole.training.run.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks(number):
    with Interrupts() as asked:
        assert not asked.to_stop
        signal.raise_signal(number)
        assert asked.to_stop


def test_a_second_ctrl_c_insists():
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_handlers_of_before_come_back():
    before = [signal.getsignal(number) for number in Interrupts.SIGNALS]
    with Interrupts():
        assert [signal.getsignal(number) for number in Interrupts.SIGNALS] != before
    assert [signal.getsignal(number) for number in Interrupts.SIGNALS] == before


def test_in_another_thread_it_keeps_out_of_the_way():
    errors = []

    def work():
        try:
            with Interrupts():
                pass
        except ValueError as error:  # signal only works in main thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not errors
