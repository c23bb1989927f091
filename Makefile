# `make demo` shows Rapport on a call it makes itself; `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
OPENCV = opencv-contrib-python-headless==4.14.0.94
# All wheels of this release carry the same models: this one is taken wherever Rapport runs.
MEDIAPIPE_WHEEL = --no-deps --only-binary=:all: --implementation cp --python-version 3.12 --platform manylinux_2_28_x86_64 mediapipe==0.10.21

.PHONY: demo test install install-test install-wheel install-mediapipe face-models check clean

demo: install
	$(VENV)/bin/rapport demo

test: install-test check
	$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check:
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# RapidOCR brings an OpenCV without the contributed modules into the same folder as the one with
# them: both are taken out and one is put back.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Rapport into $(VENV) (a few minutes the first time)"
	$(PIP) install --quiet -c constraints.txt -e .
	$(PIP) uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
	$(PIP) install --quiet --no-deps $(OPENCV)
	$(MAKE) --no-print-directory face-models
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --quiet -c constraints.txt --upgrade-strategy only-if-needed -e ".[test]"
	$(PIP) uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
	$(PIP) install --quiet --no-deps $(OPENCV)
	@$(MAKE) --no-print-directory install-mediapipe || true
	touch $@

# What the Dockerfile uses: the package itself instead of a link to this folder.
install-wheel: | $(VENV)/bin/python
	$(PIP) install --quiet --no-cache-dir -c constraints.txt .
	$(PIP) uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
	$(PIP) install --quiet --no-cache-dir --no-deps $(OPENCV)
	$(MAKE) --no-print-directory face-models

# MediaPipe's models, taken out of its wheel into the environment; nothing is downloaded while
# Rapport runs. Quick where they are there already.
face-models: | $(VENV)/bin/python
	@$(VENV)/bin/python -m inference.face_model_files >/dev/null || { \
	  echo "Fetching MediaPipe's face models" && folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	  $(PIP) download --quiet --no-cache-dir --dest "$$folder" $(MEDIAPIPE_WHEEL) && \
	  $(VENV)/bin/python -m inference.face_model_files "$$folder"/*.whl >/dev/null; }

# The second backend, which the tests compare the first with. Without its dependencies: what it
# really imports is here already, and its numpy 1 is not needed. It ends with Python 3.12 and is
# not on every machine; where it cannot be, the tests that need it are skipped with the reason.
install-mediapipe: | $(VENV)/bin/python
	@$(PIP) install --quiet --no-deps --only-binary=:all: -c constraints.txt mediapipe==0.10.21 attrs || \
	  { echo "MediaPipe 0.10.21 has no wheel for this Python or machine; Rapport does not need it"; exit 1; }

clean:
	rm -rf $(VENV) build dist *.egg-info
