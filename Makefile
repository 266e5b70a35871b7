# Stemfarm: everything a checkout can do, without root. `make help` lists the targets.
# Works with GNU make 3.81 (macOS) and newer. PYTHON=... chooses the Python that .venv is made with.

VENV := .venv
PY := $(VENV)/bin/python
SETUP := deploy/find-python deploy/make_venv.py pyproject.toml constraints.txt
MAKE_VENV = python=$$(sh deploy/find-python) && "$$python" deploy/make_venv.py $(VENV)

.PHONY: help demo test lint bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    render the bundled demo songs into out/demo"
	@echo "make test    run every test                 (PYTEST_ARGS=... is passed on)"
	@echo "make lint    ruff, mypy, the import contracts, and the validators of everything in deploy"
	@echo "make bench   measure against the bare synthesiser and its peers"
	@echo "make clean   remove .venv, out and every cache"
	@echo
	@echo "Each target installs what it needs into .venv first. The command is .venv/bin/farm."

demo: $(VENV)/.installed
	@$(VENV)/bin/farm run presets/demo --out out/demo

# A worker for each processor, and never more than eight; PYTEST_ARGS="-n 0" runs one test after another in one process.
test: $(VENV)/.installed-test
	$(PY) -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(PYTEST_ARGS)

# mypy reads the tests too, and so needs what they import.
lint: $(VENV)/.installed-test $(VENV)/.installed-lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) deploy/check_deploy.py

bench: $(VENV)/.installed-bench
	@sh deploy/install-peers $(VENV) || true
	@sh deploy/install-plugins || true
	$(PY) -m benchmarks $(BENCH_ARGS)
	$(PY) -m benchmarks.composer

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an installation that was interrupted is taken up again by the next make.
$(VENV)/.installed: $(SETUP)
	@$(MAKE_VENV)
	@touch $@

$(VENV)/.installed-%: $(SETUP)
	@$(MAKE_VENV) $*
	@touch $(VENV)/.installed $@
