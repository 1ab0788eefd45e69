# Everything that people and CI run. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= python3
VENV := .deps/venv
DENY_VERSION := 0.20.2
export CARGO_TERM_COLOR ?= auto

.PHONY: help test bench check fmt clippy deny doc proto-lint kill-test reload-test miri clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1mmake %-13s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: $(VENV)/.stamp ## all tests, the Python client's among them
	RECOMMEND_PYTHON="$(CURDIR)/$(VENV)/bin/python" $(CARGO) test --workspace --quiet

bench: ## all benches, or one: make bench BENCH=executor
ifdef BENCH
	$(CARGO) bench -q -p recommend-benches $(CARGO_FEATURES) --bench $(BENCH) -- $(ARGS)
else
	$(CARGO) bench -q -p recommend-benches
endif

check: fmt clippy deny proto-lint doc test ## everything that CI runs

fmt: ## formatting, checked
	$(CARGO) fmt --all --check

clippy: ## lints, warnings denied
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

deny: ## licences, bans and sources of all dependencies
	@$(CARGO) deny --version >/dev/null 2>&1 || { \
	  echo "installing cargo-deny $(DENY_VERSION) into .deps (once)"; \
	  $(CARGO) install cargo-deny --version $(DENY_VERSION) --locked --quiet --root .deps; }
	PATH="$(CURDIR)/.deps/bin:$$PATH" $(CARGO) deny --log-level error check bans licenses sources

doc: ## documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

proto-lint: $(VENV)/.stamp ## buf lint of proto/
	cd proto && "$(CURDIR)/$(VENV)/bin/buf" lint

kill-test: ## kill -9 under load, 200 rounds: nothing acknowledged is lost, nothing doubled
	RECOMMEND_KILL_ROUNDS=$${ROUNDS:-200} $(CARGO) test --release -p recommend --test kill -- --nocapture

reload-test: ## 1,000 promotions under load: no request fails, no answer is wrong
	RECOMMEND_PROMOTIONS=$${PROMOTIONS:-1000} $(CARGO) test --release -p recommend-server --test it promotions_under_load -- --nocapture

miri: ## the portable paths of the forest engine under Miri, which needs a nightly toolchain with it
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test -p recommend-models --lib forest::engine

$(VENV)/.stamp: tests/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

include make/embeddings.mk
include make/text_model.mk
include make/training.mk
include make/xgboost.mk
include make/demo.mk
include make/digest.mk
include make/text.mk
include make/models.mk
include make/backtest.mk
include make/redis.mk
include make/qdrant.mk
include make/experiments.mk

clean: ## remove what was built and what the demo left
	$(CARGO) clean
	rm -rf .deps
