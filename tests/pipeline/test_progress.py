import pytest
from rich.console import Console

from cxrkit.pipeline import progress
from cxrkit.pipeline.progress import State


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds_with_the_rate_of_this_run(clock, capsys):
    with progress.shown() as (say, update):
        say("70 of 90 images")
        clock[0] += 4
        update(State(done=40, images=70, before=20, quarantined=0))
        clock[0] += 6
        update(State(done=50, images=70, before=20, quarantined=2))
        clock[0] += 9
        update(State(done=60, images=70, before=20, quarantined=2))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "70 of 90 images",
        "50 of 70 images, 3.0/s, 7 s left, 2 quarantined",
    ]


def test_a_resume_that_has_done_nothing_yet_has_no_rate(clock, capsys):
    with progress.shown() as (_, update):
        clock[0] += 11
        update(State(done=20, images=70, before=20, quarantined=0))
    assert "0.0/s, waiting" in capsys.readouterr().err


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
    class Terminal(Console):
        def __init__(self, **_: object) -> None:
            super().__init__(force_terminal=True, width=120, stderr=True)

    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "Console", Terminal)
    with progress.shown() as (say, update):
        say("hello")
        update(State(done=35, images=70, before=0, quarantined=1))
    shown = capsys.readouterr().err
    assert "hello" in shown and "35/70" in shown and "1 quarantined" in shown
