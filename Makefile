# Two targets for everybody: `make demo` and `make test`. The rest is for those who change the code: `make help`.
#
# A fresh Debian needs only make, Python 3.11 or newer and a network. Everything else is set up here: the virtual
# environment from requirements.lock, and the control plane's binaries, cached outside the work tree. Both steps
# are skipped when nothing changed.

PYTHON  ?= python3
VENV    := .venv
PY      := $(VENV)/bin/python
STAMP   := $(VENV)/.installed
CHECK   := $(PY) -m scripts.check
SHELL   := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BENCHES := cycle bind contended latency start churn fairness takeover

.PHONY: help demo install-demo image test chart fmt lint types arch unit properties e2e bench verify docs docs-site lock binaries clean
.PHONY: test-node node-binaries bench-check chart-binaries $(BENCHES:%=bench-%)

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: binaries ## a real control plane on this machine, shared by two frameworks; KEEP=1 leaves it running
	@$(PY) -m devcluster.demo $(if $(filter-out 0,$(KEEP)),--keep)

install-demo: node-binaries ## Helm installs Entresol on a real node, where examples run; needs root
	@$(PY) -m devcluster.install_demo

image: $(STAMP) ## the operator's image, an OCI archive in build/, with the list of its contents
	@$(PY) -m image.build --output build/entresol.tar $(if $(TAG),--tag $(TAG))

test: chart-binaries ## every check; ends with `N passed, N failed, N skipped`
	@$(CHECK)

test-node: node-binaries ## tests on real nodes; needs root, skipped where they cannot be unless REQUIRE_NODE=1
	@$(CHECK) checkov sandbox image node

fmt: $(STAMP) ## format, and fix what can be fixed without thought
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

lint: $(STAMP) ## ruff, format, spelling, YAML
	@$(CHECK) lint format spelling yaml

types: $(STAMP) ## mypy, strict
	@$(CHECK) types

arch: $(STAMP) ## layers, purity, packaging, sizes
	@$(CHECK) layers arch

unit: $(STAMP) ## unit and property tests, with coverage
	@$(CHECK) unit coverage-core coverage-all

properties: $(STAMP) ## property tests alone, with many more examples and a fresh seed
	@$(PY) -m pytest tests/properties --hypothesis-profile=search --timeout=1800

e2e: binaries ## end-to-end tests on the real control plane
	@$(CHECK) e2e

bench: binaries ## every benchmark, one after another, about an hour; one alone: make bench-NAME ARGS=…
	@for each in $(BENCHES); do $(PY) -m tests.bench.$$each $(ARGS); done

$(BENCHES:%=bench-%): bench-%: binaries
	@$(PY) -m tests.bench.$* $(ARGS)

bench-check: binaries ## the short form of the benchmarks, held against tests/bench/contract.toml
	@$(PY) -m tests.bench.check

docs: $(STAMP) ## regenerate the generated pages
	@$(PY) -m scripts.docs

docs-site: $(STAMP) ## the documentation as a site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

verify: docs test ## regenerate, check, and demand a clean tree
	@git diff --exit-code --stat

chart: binaries ## package both charts into build/; DIGEST=sha256:… pins the image
	@$(PY) -m scripts.package $(if $(DIGEST),--digest $(DIGEST))

lock: ## resolve pyproject.toml afresh in an empty environment and pin what it gives
	@PYTHON='$(PYTHON)' scripts/lock

binaries: $(STAMP)
	@$(PY) -m devcluster build

chart-binaries: $(STAMP)
	@$(PY) -m devcluster build --chart

node-binaries: $(STAMP)
	@$(PY) -m devcluster build --node

$(STAMP): pyproject.toml requirements.lock scripts/setup
	@PYTHON='$(PYTHON)' scripts/setup '$(VENV)'
	@touch $@

clean: ## remove what the targets left in the work tree (binaries live in the user's cache and stay)
	@rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
