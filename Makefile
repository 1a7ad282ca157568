# `make setup` once, then `make check` and `make test`. Targets use the active virtual environment, else .venv.
VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
CODE := src tests benchmarks calibration soak

.PHONY: setup check format test test-lowest report-check server-check cluster bench calibration soak

setup:
	python3 -m venv .venv
	.venv/bin/pip install -e '.[dev]' -c constraints.txt

# Everything a machine can say about the code without running a trial.
check:
	"$(BIN)/ruff" format --check $(CODE)
	"$(BIN)/ruff" check $(CODE)
	"$(BIN)/mypy"
	"$(BIN)/pydoclint" --quiet src
	"$(BIN)/lint-imports" --no-logo
	"$(BIN)/codespell" src tests docs *.md *.txt *.toml Makefile
	"$(BIN)/pytest" tests/docs

format:
	"$(BIN)/ruff" format $(CODE)
	"$(BIN)/ruff" check --fix $(CODE)

test:
	"$(BIN)/pytest" -n 2

# The tests with the lowest versions that pyproject.toml allows, in an environment of their own.
test-lowest:
	[ -x .venv-lowest/bin/python ] || python3 -m venv .venv-lowest
	.venv-lowest/bin/pip install -e '.[test,demo]' -c constraints-lowest.txt
	.venv-lowest/bin/pytest -n 2

# axe-core over a whole report in chromium, light and dark, at 1280, 800 and 400 pixels; ARGS="REPORT --pictures FOLDER" takes another
# report than a fabricated one, and pictures of it. Needs chromium and the npm registry.
report-check:
	"$(BIN)/python" tests/check_report.py $(ARGS)

# Schemathesis over the server's OpenAPI, without a token and with one; then axe-core over its page, light and dark, at three widths.
# ARGS="--pictures FOLDER" keeps pictures of it. Needs chromium and the npm registry for the page.
server-check:
	"$(BIN)/python" tests/check_server.py $(ARGS)

# A Ray cluster that loses a seat, a node and its head. The tests of every day start one without losses.
cluster:
	"$(BIN)/pytest" -m cluster tests/running

# Paired with transformers' Trainer; about ten minutes on an otherwise idle machine. The last result stands in benchmarks/results.
bench:
	"$(BIN)/python" benchmarks/training_speed.py

# Error rates of the statistics, held against their gates, and the tables of docs/statistics.md; a quarter of an hour on two cores.
# Thousands of trained heads (`python calibration/real_null.py --keep`) need GoEmotions and are a command of their own.
calibration:
	"$(BIN)/python" calibration/run.py --size full --keep

# The fault table, every row at its full size, and what other tools do on three of them; at most 90 minutes
# on two cores. The table is kept in soak/results. One row: `python -m soak --rows 5 --size full`.
soak:
	"$(BIN)/python" -m soak --size full --peers
