# `make demo` shows Rapport on a call it makes itself; `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
OPENCV = opencv-contrib-python-headless==4.11.0.86

.PHONY: demo test install install-test install-wheel check clean

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

# MediaPipe brings an OpenCV that needs the system's libGL into the same folder as the headless one,
# and RapidOCR a headless one without the contributed modules: all are taken out and one is put
# back, so that nothing but Python is needed.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Rapport into $(VENV) (a few minutes the first time)"
	$(PIP) install --quiet -c constraints.txt -e .
	$(PIP) uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
	$(PIP) install --quiet --no-deps $(OPENCV)
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --quiet -c constraints.txt --upgrade-strategy only-if-needed -e ".[test]"
	$(PIP) uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
	$(PIP) install --quiet --no-deps $(OPENCV)
	touch $@

# What the Dockerfile uses: the package itself instead of a link to this folder.
install-wheel: | $(VENV)/bin/python
	$(PIP) install --quiet --no-cache-dir -c constraints.txt .
	$(PIP) uninstall --quiet --yes opencv-python opencv-contrib-python opencv-python-headless opencv-contrib-python-headless
	$(PIP) install --quiet --no-cache-dir --no-deps $(OPENCV)

clean:
	rm -rf $(VENV) build dist *.egg-info
