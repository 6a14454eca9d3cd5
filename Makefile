# `make demo` and `make test` each work as the first command on a fresh clone.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
JAVA := $(VENV)/.java_home
DAG ?= retune_digits
SEEDS ?= 0-3000
RUN = JAVA_HOME="$$(cat $(JAVA))" PATH="$(CURDIR)/$(BIN):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help install demo ui test test-spark containers unit simulate check docs bench release format clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

install: $(INSTALLED) $(JAVA) ## Create .venv, install into it, find Java 17 or newer

demo: install ## Let Airflow tune a model on Spark, and train it with the result (DAG=retune_torch)
	case $(DAG) in retune_torch*) tools/torch.sh $(VENV);; esac
	AIRFLOW_HOME=$(CURDIR)/.demo/airflow; . ./tools/airflow_env.sh; $(RUN) python tools/demo.py $(DAG)

ui: install ## Start Airflow with the example DAGs on http://localhost:8080
	$(RUN) tools/ui.sh

test: unit simulate ## Run all tests
	$(RUN) pytest -n 2 --dist loadscope -m "integration and not soak"

test-spark: install ## Run the tests that need Spark with another release (SPARK=3.5.9), without Airflow
	JAVA_HOME="$$(cat $(JAVA))" tools/test_spark.sh $(SPARK) $(ARGS)

containers: install ## Build the images and test the stack of docker/; starts a Docker engine if none runs
	SPARKTUNE_REQUIRE_CONTAINERS=1 $(RUN) timeout --signal=INT --kill-after=300 1200 \
		pytest tests/containers --durations=0 -o log_cli=true -o log_cli_level=INFO

unit: install ## Run the tests that start neither Spark, nor Airflow, nor a browser
	$(RUN) pytest -n auto -m 'not integration and not soak'

simulate: install ## Run histories in which much goes wrong (SEEDS=0-100000), or tell one (SEEDS=17)
	$(BIN)/python -m tests.simulation $(SEEDS) $(FAULT)

check: install ## Lint, types, import contracts, container images
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	tools/check_images.sh $(BIN)

docs: install ## Build the documentation into docs/_build/html; VERSION=0.2 builds /0.2/ and /stable/ of a website (SITE=)
	tools/docs.sh $(BIN) $(VERSION) $(SITE)

bench: install ## Run the benchmarks, peers included (ARGS=--quick for a short run)
	$(RUN) python -m benchmarks $(ARGS)

release: install ## Build the release files into dist/, and run the demo from the wheel alone
	JAVA_HOME="$$(cat $(JAVA))" tools/release.sh $(BIN)

format: install ## Format the code, and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove what the targets have created
	rm -rf $(VENV) .spark .demo .airflow benchmarks/out build dist docs/_build tests/artifacts

$(INSTALLED): pyproject.toml constraints.txt tools/install.sh
	tools/install.sh $(VENV)
	@touch $@

$(JAVA): $(INSTALLED) tools/java.sh
	@tools/java.sh > $@.new && mv $@.new $@
