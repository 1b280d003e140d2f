# The people's door. `make demo` shows what pyvs does, `make test` shows that it does it.

VENV ?= .venv
METHOD ?=
FAMILY ?=
ARGS ?=

.PHONY: help demo setup setup-test test lint bench docs clean

help:
	@echo "make demo     balance real HTTP requests by NAT, direct routing and tunnel, IPv4 and IPv6"
	@echo "              (METHOD=nat|dr|tun and FAMILY=4|6 pick one)"
	@echo "make test     all checks and tests"
	@echo "make bench    all benchmarks; figures go to bench/results.json"
	@echo "make setup    only the set-up that all of these do by themselves"
	@echo "make lint     the checks without the tests"
	@echo "make docs     write the pages, manuals and completions that follow from tables of the code"
	@echo "make clean    remove $(VENV) and caches"

setup:
	@sh tools/setup.sh $(VENV)

setup-test:
	@sh tools/setup.sh $(VENV) test

demo: setup
	@$(VENV)/bin/pyvs lab demo $(if $(METHOD),--method $(METHOD)) $(if $(FAMILY),--family $(FAMILY)) $(ARGS)

test: setup-test
	@sh tools/test.sh $(VENV) $(ARGS)

lint: setup-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python tools/check_tree.py

bench: setup
	@$(VENV)/bin/python bench/run.py $(ARGS)

docs: setup
	@$(VENV)/bin/python tools/make_docs.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +
