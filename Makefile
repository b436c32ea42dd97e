# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint crash training slow clean

$(VENV)/core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/all: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dicom,train,fast,dev]"
	touch $@ $(VENV)/core

demo: $(VENV)/core
	$(BIN)/cxr demo demo

test: $(VENV)/all lint
	$(BIN)/python -m pytest

lint: $(VENV)/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

crash: $(VENV)/all
	$(BIN)/python -m pytest -m slow tests/pipeline

training: $(VENV)/all
	$(BIN)/python -m pytest -m slow tests/training tests/models tests/cli

slow: crash training

clean:
	rm -rf $(VENV) demo build dist *.egg-info
