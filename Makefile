# Two commands from a fresh clone: `make behaviors` and `make test`. Each sets up its own .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help behaviors test report lint clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@echo "usage: make TARGET [ARGS='more arguments for pytest']"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

behaviors: $(VENV)/.run ## Judge the four miniature models: matrix here, details in reports/
	$(BIN)/python -m pytest behaviors/ $(ARGS)

test: $(VENV)/.test ## Prove the harness itself (tests/)
	$(BIN)/python -m pytest tests/ $(ARGS)

report: $(VENV)/.run ## Make the pages of the last run: reports/index.html, reports/allure/index.html
	$(BIN)/python -m eyechart report

lint: $(VENV)/.lint ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## Remove the environment, the store and the reports
	rm -rf $(VENV) .eyechart reports/allure* reports/figures reports/verdicts.json reports/summary.md reports/junit.xml reports/index.html reports/ratchet.diff

# Debian's python3 has no ensurepip: there the environment gets its pip from the pip that made it.
$(VENV)/.run: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --clear --without-pip $(VENV)
	$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m pip --python $(BIN)/python install --quiet pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[figures]'
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	touch $@
