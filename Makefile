# Everything here works on a bare Debian machine as root, and anywhere a Docker Engine answers.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTEST := . .engine/env && .venv/bin/python -m pytest
# Most tests wait for something; those of the engine are one group, which one process runs.
AT_ONCE ?= -n 3 --dist loadgroup
ARGS ?=

.PHONY: help engine demo test test-all bench load lint down

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {gsub(/\$$\$$/, "$$", $$2); printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

engine: ## set up .venv, an engine, a registry, base images: eval "$$(make -s engine)"
	@.ci/engine

demo: ## release examples/quickstart to the local registry, twice
	@.ci/engine >/dev/null
	@. .engine/env && .ci/demo

test: ## run the tests, but not the slow ones (ARGS='-k name')
	@.ci/engine >/dev/null
	@$(PYTEST) -m "not slow" --durations 25 --durations-min 5 $(AT_ONCE) $(ARGS)

test-all: ## run all tests
	@.ci/engine >/dev/null
	@$(PYTEST) $(AT_ONCE) $(ARGS)

bench: ## measure against docker buildx bake (ARGS='--quick', '--sizes 50 --pairs 5', …)
	@.ci/engine >/dev/null
	@. .engine/env && .venv/bin/python -m benchmarks.bench --write docs/benchmarks.md $(ARGS)

load: ## measure many images, many tags, limits, large layers (ARGS='--quick', '--only tags', …)
	@.ci/engine >/dev/null
	@. .engine/env && .venv/bin/python -m benchmarks.load --write docs/load.md $(ARGS)

lint: ## check style, types and the layers
	@.ci/engine venv
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict releaser tests benchmarks
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -q tests/test_architecture.py

down: ## end what engine, demo and test started
	@.ci/engine down
