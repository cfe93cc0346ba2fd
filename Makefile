# make demo    serves the demo shop on http://127.0.0.1:8000 (PORT= changes it)
# make test    runs every test; ARGS= goes to pytest
# make check   format, lint and types
# make docs    builds the documentation into build/docs
# make bench   measures the gate and the site log, as ratios in one run, and counts instructions
PORT ?= 8000
ARGS ?=

.PHONY: demo test check docs bench setup

demo:
	@scripts/setup demo
	PORT=$(PORT) .venv/bin/python -m examples.fastapi_app

test: setup
	.venv/bin/python -m pytest $(ARGS)

check: setup
	scripts/check

docs: setup
	.venv/bin/python -m sphinx -W --keep-going -q -d build/trees docs build/docs

bench: setup
	.venv/bin/python -m benchmarks.gate
	-.venv/bin/python -m benchmarks.instructions
	.venv/bin/python -m benchmarks.log
	.venv/bin/python -m benchmarks.bots

setup:
	@scripts/setup
