# Boxoffice needs Python >= 3.11 and make; everything else is installed into .venv by these targets.
SHELL := /bin/bash
# The first of these that runs and is new enough; PYTHON=/path/to/python overrides it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin

# Let uv trust whom pip and git trust: those of the system, where a company's proxy has its certificate.
UV_SYSTEM_CERTS ?= true
export UV_SYSTEM_CERTS

.DEFAULT_GOAL := help
.PHONY: help demo test sim chaos fuzz check format bench audit sbom requirements clean

help:  ## Say what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/ready  ## Sell tickets on http://localhost:8000 (RESET=1 starts anew, PORT=9000 moves it)
	@$(BIN)/boxoffice demo $(if $(RESET),--reset) $(if $(PORT),--port $(PORT))

test: $(VENV)/ready-dev  ## Run the tests against a real PostgreSQL (ARGS="-k race" picks some)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

sim: $(VENV)/ready-dev  ## Sell while everything goes wrong, then check every promise (SEED=7 STEPS=5000)
	PYTHONPATH=tests $(BIN)/python -m simulation --seed $(or $(SEED),1) --steps $(or $(STEPS),2000) $(ARGS)

chaos: $(VENV)/ready-dev  ## Sell through a bad bank while processes are killed; judge by its books (BOOKINGS=5000 SEED=7)
	PYTHONPATH=tests $(BIN)/python -m simulation.chaos --bookings $(or $(BOOKINGS),5000) --seed $(or $(SEED),7) $(ARGS)

fuzz: $(VENV)/ready-dev  ## Ask every operation for what nobody expects (MINUTES=30 SEED=7)
	PYTHONPATH=tests $(BIN)/python -m fuzzing --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1)

check: $(VENV)/ready-dev  ## Check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache

format: $(VENV)/ready-dev  ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/ready-dev  ## Measure holds and full sales beside pgbench
	$(BIN)/python -m bench $(ARGS)

audit: $(VENV)/ready-audit  ## Ask PyPI for known vulnerabilities of everything that is pinned
	@for each in runtime traces build dev audit; do \
	    echo "requirements/$$each.txt"; \
	    $(VENV)-audit/bin/pip-audit --strict --disable-pip --require-hashes \
	        --progress-spinner off -r requirements/$$each.txt || exit 1; \
	done

sbom: $(VENV)/ready-audit  ## Write what an installation consists of to sbom.cdx.json (CycloneDX, with hashes)
	@$(VENV)-audit/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --validate \
	    -o sbom.cdx.json requirements/traces.txt
	@echo "sbom.cdx.json"

requirements: $(VENV)/uv  ## Pin the newest allowed versions, with hashes
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make requirements" --upgrade requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make requirements" --upgrade pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make requirements" --upgrade --extra traces \
	    -c requirements/runtime.txt pyproject.toml -o requirements/traces.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make requirements" --upgrade --group dev --extra traces \
	    -c requirements/traces.txt pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make requirements" --upgrade requirements/audit.in -o requirements/audit.txt

clean:  ## Remove the virtual environment and the demo's data
	@# As root, PostgreSQL's user may not be able to enter this folder: then the data is where the note says.
	@case "$$(cat .boxoffice/postgres.location 2>/dev/null)" in \
	    /var/lib/boxoffice/?*) rm -rf "$$(cat .boxoffice/postgres.location)" ;; esac
	rm -rf $(VENV) $(VENV)-audit .boxoffice .pytest_cache .ruff_cache .hypothesis

$(VENV)/uv: requirements/build.txt
	@test -n "$(PYTHON)" || { echo "boxoffice: no Python >= 3.11 found; install one or set PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	    || { echo "boxoffice: this Python cannot make a virtual environment; install its venv module (Debian: python3-venv)."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/ready: $(VENV)/uv requirements/runtime.txt pyproject.toml
	@echo "Installing Boxoffice into $(VENV) ..."
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/runtime.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@

# An environment of its own: what looks at the dependencies is none of them.
$(VENV)/ready-audit: $(VENV)/uv requirements/audit.txt
	@$(BIN)/python -m venv $(VENV)-audit
	@VIRTUAL_ENV=$(VENV)-audit $(BIN)/uv pip install --quiet --require-hashes -r requirements/audit.txt
	@touch $@
