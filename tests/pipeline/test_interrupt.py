import os
import signal
import threading

import pytest

from cxrkit.pipeline import interrupt


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_only_sets_a_mark_and_the_first_one_counts(number, status):
    before = signal.getsignal(number)
    with interrupt.watched() as stopped:
        assert stopped() == 0
        os.kill(os.getpid(), number)
        assert stopped() == status
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped() == status
    assert signal.getsignal(number) == before


def test_handlers_come_back_after_a_failure():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), interrupt.watched():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) == before


def test_in_another_thread_nothing_is_watched():
    seen: list[int] = []

    def work() -> None:
        with interrupt.watched() as stopped:
            seen.append(stopped())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]
