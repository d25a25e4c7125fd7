# The two commands are `make up` and `make test`; `make help` lists the rest.
UV_VERSION := 0.13.9
# The oldest and the newest that is supported, and those between: as in pyproject.toml.
PYTHONS := 3.11 3.12 3.13 3.14
VENV := .venv
# Which interpreter a new .venv is made with; by default uv's choice.
PYTHON ?=
PY := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help up install test test-pythons check check-wheels soak bench-hostile bench-watchers drill-small format lock bench-gateway

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

up: $(VENV)/.runtime ## install what running needs and start the platform (ARGS="--fresh --port 8100")
	@exec $(VENV)/bin/bilhetagem up $(ARGS)

install: $(VENV)/.dev $(VENV)/.graphiql ## make .venv with everything, development tools included

test: $(VENV)/.dev $(VENV)/.graphiql ## run all the tests
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

test-pythons: check-wheels ## run the tests of gateway and services on the oldest and the newest Python found
	.ci/pythons $(UV) $(PYTHONS)

check: $(VENV)/.dev ## formatter, linter, types, import rules, schema checks
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/bilhetagem schema check

check-wheels: .tools/bin/uv ## every locked package has a wheel for every supported Python
	@for python in $(PYTHONS); do \
	  echo "Wheels for Python $$python" && \
	  $(UV) pip install --quiet --dry-run --python-version $$python --only-binary :all: --no-deps --require-hashes \
	    --target .tools/none -r locks/dev.txt || exit 1; \
	done

soak: $(VENV)/.dev ## 100,000 generated operations against the monolith (takes about an hour)
	FEDERATION_EXAMPLES=50000 $(PY) -m pytest tests/gateway/federation/test_differential.py -q $(ARGS)

drill-small: $(VENV)/.dev ## sell, flood, kill and leave for five minutes, then read every invariant
	$(PY) -m tests.drills.small

bench-hostile: $(VENV)/.dev ## CPU and memory that refusing hostile requests takes
	$(PY) -m benchmarks.hostile

format: $(VENV)/.dev ## format and fix what can be fixed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench-watchers: $(VENV)/.dev ## 5,000 watchers of one service: what waiting costs, how soon they hear (ARGS="--watchers 500")
	$(PY) -m benchmarks.watchers $(ARGS)

bench-gateway: $(VENV)/.dev ## the gateway beside its peers under one load: needs wrk (ARGS="--quick")
	$(PY) -m benchmarks.gateway $(ARGS)

lock: .tools/bin/uv ## resolve the dependencies again and write locks/
	$(UV) pip compile pyproject.toml --extra local --universal --generate-hashes --quiet -o locks/runtime.txt
	$(UV) pip compile pyproject.toml --extra local --group dev --constraint locks/runtime.txt --universal --generate-hashes --quiet -o locks/dev.txt

.tools/bin/uv:
	@command -v uv >/dev/null 2>&1 || { python3 -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }

# A development environment also runs the platform: never take its tools away again.
$(VENV)/.runtime: locks/runtime.txt pyproject.toml | .tools/bin/uv
	@test -x $(PY) || $(UV) venv --quiet $(if $(PYTHON),--python $(PYTHON)) $(VENV)
	@test -e $(VENV)/.dev || { echo "Installing what running needs into $(VENV) …" && $(UV) pip sync --quiet --require-hashes --python $(PY) locks/runtime.txt && $(UV) pip install --quiet --no-deps --python $(PY) --editable . ; }
	@touch $@

# GraphiQL without internet: built from npm, not committed; also what the wheel then carries.
$(VENV)/.graphiql: $(VENV)/.dev gateway/http/graphiql/package-lock.json gateway/http/graphiql/index.html gateway/http/graphiql/vite.config.js $(wildcard gateway/http/graphiql/src/*)
	@echo "Building GraphiQL …"
	@$(PY) -m infra.local.graphiql_bundle
	@touch $@

$(VENV)/.dev: locks/dev.txt pyproject.toml | .tools/bin/uv
	@test -x $(PY) || $(UV) venv --quiet $(if $(PYTHON),--python $(PYTHON)) $(VENV)
	@echo "Installing everything, development tools included, into $(VENV) …"
	@$(UV) pip sync --quiet --require-hashes --python $(PY) locks/dev.txt
	@$(UV) pip install --quiet --no-deps --python $(PY) --editable .
	@touch $@ $(VENV)/.runtime
