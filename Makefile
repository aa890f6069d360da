# `make demo` and `make test` need nothing but Python 3.11 or newer: each makes its environment once.
VENV ?= .venv
PYTHON ?= python3

.PHONY: demo test coverage unit check format bench docs

demo: $(VENV)/.installed
	$(VENV)/bin/projgan demo

# A file is tested by one process, so that what its tests share is made once.
PARALLEL ?= -n $(shell env -u OMP_NUM_THREADS nproc 2> /dev/null || echo 2) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test: check
	$(VENV)/bin/python -m pytest $(PARALLEL)

coverage: $(VENV)/.installed # by a tracer that costs a third of the time
	$(VENV)/bin/python -m pytest $(PARALLEL) --cov --cov-report=term --cov-fail-under=90

unit: $(VENV)/.installed
	$(VENV)/bin/python -m pytest $(PARALLEL) -m "not slow"

check: $(VENV)/.installed
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed # make bench ARGUMENTS=--full
	$(VENV)/bin/python benchmarks/speed.py $(ARGUMENTS)

format: $(VENV)/.installed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("projgan needs Python 3.11 or newer; name one: make PYTHON=python3.12 " + "$(MAKECMDGOALS)")'
	@echo "making $(VENV): one or two minutes and 3 GB, a third of it PyTorch"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

docs: $(VENV)/.installed
	$(VENV)/bin/mkdocs build
	@echo "open site/index.html"
