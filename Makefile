# `make demo` shows Rapport on a call it makes itself; `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
# auto: a CPU build of PyTorch, or the registry's with CUDA where there is an NVIDIA card; cpu; cuda.
TORCH ?= auto
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

# In a folder with a non-ASCII name Python does not start under LC_ALL=C: UTF-8 mode alone is not
# enough, because 3.11 and 3.12 read the link to this folder in the locale's encoding.
export PYTHONUTF8 = 1
ifneq (UTF-8,$(shell locale charmap 2>/dev/null))
export LC_ALL = C.UTF-8
endif
ifneq (1,$(words $(VENV)))
$(error VENV must not contain a space)
endif

PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
INSTALL_TORCH = $(VENV)/bin/python packaging/install_torch.py $(shell grep ^torch== constraints.txt) \
	--build $(TORCH) --cpu-index $(TORCH_CPU_INDEX) --constraint constraints.txt

# All wheels of this release carry the same models: this one is read wherever Rapport runs.
MEDIAPIPE = mediapipe==0.10.21
MEDIAPIPE_WHEEL = --no-deps --only-binary=:all: --implementation cp --python-version 3.12 \
	--platform manylinux_2_28_x86_64 $(MEDIAPIPE)

# Tests of the service wait much of their time: two for each core, but no more than memory allows.
WORKERS ?= $(shell expr 2 \* `getconf _NPROCESSORS_ONLN` \< 4 > /dev/null && echo 2 || echo 4)
PYTEST = $(VENV)/bin/python -m pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: help demo test quick test-bare check install install-test install-wheel install-mediapipe
.PHONY: face-models torch lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-18s%s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: install ## Make a call and put it through the whole way
	$(VENV)/bin/rapport demo

test: install-test check ## Run every check: format, lint, types, import rules, tests
	$(PYTEST) --cov --cov-report=
	@$(VENV)/bin/coverage report --format=total | sed 's/.*/Lines that the tests run: & %/'

quick: install-test check ## Run format, lint, types, import rules and unit tests (under a minute)
	$(PYTEST) tests/unit

check: install-test ## Run format, lint, types and import rules
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test-bare: ## Try demo and test in a bare Debian (maintainers; root, debootstrap)
	packaging/test_bare.sh

install: $(VENV)/.installed face-models ## Install into .venv
install-test: $(VENV)/.installed-test face-models

$(VENV)/bin/python:
	@$(PYTHON) packaging/check_python.py
	$(PYTHON) -m venv $(VENV) || { rm -rf "$(VENV)"; exit 1; }

torch: | $(VENV)/bin/python
	@$(INSTALL_TORCH)

$(VENV)/.installed: pyproject.toml constraints.txt | torch
	@echo "Installing Rapport into $(VENV) (a few minutes the first time)"
	$(PIP) install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --quiet -c constraints.txt -e ".[test]"
	@$(VENV)/bin/python -c "import sys; sys.exit(sys.version_info < (3, 13))" || \
	  $(MAKE) --no-print-directory install-mediapipe || true
	touch $@

install-wheel: torch ## Install the package itself instead of a link to this folder (Dockerfile)
	$(PIP) install --quiet --no-cache-dir --no-deps --require-hashes -r packaging/requirements.lock
	$(PIP) install --quiet --no-cache-dir --no-deps --no-build-isolation .
	@$(MAKE) --no-print-directory face-models

# MediaPipe's models, taken out of its wheel into the environment; nothing is downloaded while
# Rapport runs. Quick where they are there already.
face-models: | $(VENV)/bin/python torch
	@$(VENV)/bin/python -m inference.faces.model_files >/dev/null || { \
	  echo "Fetching MediaPipe's face models" && folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	  $(PIP) download --quiet --no-cache-dir --dest "$$folder" $(MEDIAPIPE_WHEEL) && \
	  $(VENV)/bin/python -m inference.faces.model_files "$$folder"/*.whl >/dev/null; }

# The second backend, which the tests compare the first with. Without its dependencies: what it
# really imports is here already, and its numpy 1 is not needed. It ends with Python 3.12 and is
# not on every machine; where it cannot be, the tests that need it are skipped with the reason.
install-mediapipe: | $(VENV)/bin/python ## Add MediaPipe itself, the second face backend
	@$(PIP) install --quiet --no-deps --only-binary=:all: -c constraints.txt $(MEDIAPIPE) attrs || \
	  { echo "$(MEDIAPIPE) could not be installed (it has wheels up to Python 3.12); Rapport works without it"; exit 1; }

lock: ## Write packaging/requirements.lock anew (maintainers, after a change of dependencies)
	@$(VENV)/bin/python packaging/lock.py

clean: ## Remove the environment and what builds left
	rm -rf $(VENV) build dist *.egg-info
