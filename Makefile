# Lineside: `make demo` shows it, `make test` proves it, `make bench` measures it.
# Every target sets up what it needs in .venv, and is quick the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SECONDS ?=
MINUTES ?= 10

.PHONY: demo test fuzz soak bench bench-large bench-peers lint schema clean help

help:
	@echo "make demo [SECONDS=20]   one station, broker and central server, with simulated devices"
	@echo "make test                all tests (installs mosquitto and chromium where it may)"
	@echo "make fuzz                100,000 inputs to the parser of each serial driver (a quarter of an hour)"
	@echo "make soak [MINUTES=10]   work while everything goes wrong at random, then the balance"
	@echo "make bench               measure against floors taken in the same run"
	@echo "make bench-large         the same with 10,000,000 events waiting"
	@echo "make bench-peers         the buffer beside other products' (downloads them)"
	@echo "make lint                ruff and mypy"

$(STAMP): pyproject.toml .ci/venv
	@.ci/venv "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(STAMP)
	@$(BIN)/python -m simulators demo $(if $(SECONDS),--seconds $(SECONDS))

test: $(STAMP) lint
	@.ci/system-packages
	@$(BIN)/python -m pytest

fuzz: $(STAMP)
	@LINESIDE_FUZZ=100000 $(BIN)/python -m pytest tests/fuzz

soak: $(STAMP)
	@.ci/system-packages
	@LINESIDE_SOAK=$$(( $(MINUTES) * 60 )) $(BIN)/python -m pytest tests/faults/test_soak.py -rP

bench: $(STAMP)
	@.ci/system-packages
	@$(BIN)/python -m tests.bench

bench-large: $(STAMP)
	@.ci/system-packages
	@$(BIN)/python -m tests.bench --large 10000000

bench-peers: $(STAMP)
	@.ci/system-packages
	@$(BIN)/python -m tests.bench.peers

lint: $(STAMP)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary

schema: $(STAMP)
	@$(BIN)/lineside schema > config/station.schema.json

clean:
	rm -rf build dist .mypy_cache .ruff_cache .hypothesis
