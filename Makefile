# Every target sets up what it needs; a second run starts at once. The only prerequisite is Python 3.11 or later.
PYTHON  ?= python3
VENV    ?= .venv
SECONDS ?= 60
# The unit suite takes some 7 s of the processor; the bound leaves room for a machine that is half as fast.
UNIT_SECONDS ?= 14
ARGS    ?=

BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
CODE   := $(wildcard src bench demo tests scripts/*.py)
INSTALL_SELF := $(PIP) install --no-deps --no-build-isolation --editable .

.PHONY: up demo test unit rest check format bench bench-quick soak fuzz docs docs-reference lock clean

up: $(STAMPS)/run ## Start everything on this machine; ARGS="--workers 2" and the like are passed on.
	@exec $(BIN)/turnpike up $(ARGS)

demo: $(STAMPS)/dev ## Show the product at work, with the simulated provider and the real SDKs.
	@exec $(BIN)/python demo/run.py $(ARGS)

test: check unit rest ## Everything that CI asks for.

unit: $(STAMPS)/dev
	$(BIN)/python -m pytest tests/unit --within-cpu-seconds $(UNIT_SECONDS) $(ARGS)

rest: $(STAMPS)/dev
	@scripts/debian-packages
	$(BIN)/python -m pytest tests --ignore tests/unit $(ARGS)

check: $(STAMPS)/dev ## Form, types and fences, without running anything.
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

format: $(STAMPS)/dev ## Put the code in form.
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(STAMPS)/dev ## Measure side by side with other gateways; prints one table.
	@exec $(BIN)/python -m bench $(ARGS)

bench-quick: $(STAMPS)/dev ## Turnpike beside nginx, in a minute; ARGS=--stream for streams, ARGS="--url … --key …" for a running gateway.
	@exec $(BIN)/python -m bench.quick $(ARGS)

soak: $(STAMPS)/dev ## Mixed traffic with faults for SECONDS (60; 7200 is the release's measure).
	@exec $(BIN)/python -m bench.soak --seconds $(SECONDS) $(ARGS)

fuzz: $(STAMPS)/fuzz ## Fuzz the parsers for SECONDS (60; 3600 is the release's measure).
	@exec $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

docs: $(STAMPS)/docs ## Build the site into site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-reference: $(STAMPS)/dev ## Write the parts of docs/ that are made from tables.
	@$(BIN)/python scripts/docs_reference.py

lock: $(STAMPS)/dev ## Compile the lock files anew; ARGS=--upgrade takes the newest versions.
	@BIN=$(BIN) scripts/lock $(ARGS)

clean: ## Remove what these targets made, but no data of a running Turnpike.
	rm -rf $(VENV) site dist build .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src tests bench demo -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Turnpike needs Python 3.11 or later; name one: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@echo "Making $(VENV), an environment of Python for Turnpike alone." >&2
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) -m venv failed; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

# The hashes in the lock files are checked at each installation, the build tools' too.
$(STAMPS)/run: requirements/all.txt pyproject.toml | $(BIN)/python
	@echo "Installing Turnpike and the packages that it needs into $(VENV); the first time this takes up to a minute." >&2
	$(PIP) install --require-hashes --requirement requirements/all.txt
	$(INSTALL_SELF)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing Turnpike, its packages and its tools into $(VENV); the first time this takes a minute or two." >&2
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	$(INSTALL_SELF)
	@mkdir -p $(STAMPS) && touch $(STAMPS)/run $@

$(STAMPS)/fuzz: requirements/fuzz.txt $(STAMPS)/dev
	$(PIP) install --require-hashes --requirement requirements/fuzz.txt
	@touch $@

$(STAMPS)/docs: requirements/docs.txt $(STAMPS)/dev
	$(PIP) install --require-hashes --requirement requirements/docs.txt
	@touch $@
