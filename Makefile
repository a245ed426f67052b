# make run                         ask the bundled papers in a chat page
# make run CORPUS=path/to/papers   ask those instead
# make test                        lint, types and all tests
# make install                     .venv and nothing else
# make screenshots                 pictures of the page at three widths in both themes, into screenshots/

PYTHON ?= python3
BIN := .venv/bin
CORPUS ?=
PORT ?= 7860
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run install test screenshots

run: .venv/local
ifneq ($(strip $(CORPUS)),)
	$(BIN)/paper-assistant index --sync --index .index/$(notdir $(abspath $(CORPUS))) $(CORPUS)
	$(BIN)/paper-assistant serve --port $(PORT) --index .index/$(notdir $(abspath $(CORPUS)))
else
	$(BIN)/paper-assistant serve --port $(PORT)
endif

install: .venv/base

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

screenshots: .venv/test
	$(BIN)/python bench/screenshots.py

.venv/base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/local: .venv/base
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[local,second]'
	@touch $@

.venv/test: .venv/local
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[local,second,test]'
	@touch $@
