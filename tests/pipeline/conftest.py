"""Builds of made-up pictures with a stand-in for the network."""

import pytest
import radiographs


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    radiographs.use_stand_ins(monkeypatch)
