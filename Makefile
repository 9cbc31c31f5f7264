# `make` alone lists the targets. What needs an `if` is Python, in tools/.
PYTHON = $(firstword $(foreach python,python3.12 python3 python,$(shell \
    $(python) -c 'import sys; sys.version_info[:2] == (3, 12) and print("$(python)")' 2>/dev/null)))
INSTALLED = .venv/.installed
RUN = .venv/bin/python -m
ARGS =

.PHONY: help env up status down demo test ui dashboard live soak bench lint audit format docs site lock
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 10

env: $(INSTALLED) ## make .venv from requirements.lock (Python 3.12 and a package index are needed)

up: env ## start PostgreSQL, Redis, Kafka, the exchange and the live streams; what runs already stays
	@$(RUN) resources.services up $(ARGS)

status: env ## how each service is and how each stream flows; fails unless all is well
	@$(RUN) resources.services status $(ARGS)

down: env ## stop them all; their data stays
	@$(RUN) resources.services down $(ARGS)

demo: env ## three simulated symbols from raw files to features, a day through every batch system, a model
	@$(RUN) crypto_assets.demo $(ARGS)

test: env ## run every test; ARGS="-k orderbook" runs some
	@$(RUN) tools.browser
	@$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

ui: env ## the asset graph in the browser; Ctrl-C ends all of it
	@$(RUN) crypto_assets.ui $(ARGS)

dashboard: env ## the market, the forecasts, the features and the health of the data in the browser; Ctrl-C ends it
	@$(RUN) crypto_assets.dashboard $(ARGS)

live: env ## a simulated market through Kafka, Spark, PostgreSQL and the lake; one program is killed on the way
	@$(RUN) crypto_assets.live $(ARGS)

soak: env ## the whole platform under random faults, every trade accounted for; ARGS="--minutes 60 --speed 10"
	@$(RUN) crypto_assets.live.soak $(ARGS)

bench: env ## speed and memory beside bare libraries, with noise, aim and last result; ARGS="warehouse copy" for some
	@$(RUN) bench $(ARGS)

lint: env ## ruff (lint, format), pyright and the rule of imports
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) pyright
	@.venv/bin/lint-imports --no-cache --no-logo

audit: env ## known faults of the locked packages, and of this code; what cannot be asked is said
	@$(RUN) tools.audit $(ARGS)

format: env ## let ruff fix what it can
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

docs: env ## write again the picture of the graph and the tables that come from code
	@$(RUN) tools.generated

site: env ## the documentation as a site in site/; every warning is an error
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict $(ARGS)

lock: env ## resolve pyproject.toml again into requirements.lock; ARGS=--upgrade takes newer versions
	@$(RUN) tools.lock $(ARGS)

$(INSTALLED): requirements.lock pyproject.toml tools/environment.py tools/uv.txt
	@"$(or $(PYTHON),$(error Python 3.12 is not on PATH; install it, or name it: make env PYTHON=/path/to/python3.12))" tools/environment.py
