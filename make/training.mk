# The learning loop: peers of the join, and the sample of the Open Bandit Dataset.
.PHONY: obd test-training
test-training: ## tests of the join: they build DataFusion, which takes minutes
	$(CARGO) test -p recommend-training --features join
	$(CARGO) test -p recommend --features training --test learn

obd: .deps/obd/.stamp .deps/xgboost/.stamp ## the Open Bandit sample: import, join, train, and policies' values by inverse propensities
	$(TRAIN_ENV) $(CARGO) build --release -p recommend --features training,xgboost
	$(PYTHON) benches/peers/obd.py

# Its data alone: the package would bring PyTorch.
.deps/obd/.stamp: make/training.mk
	$(PYTHON) -m venv .deps/obd/venv
	.deps/obd/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target .deps/obd obp==0.4.1
	@touch $@

ifeq ($(BENCH),join)
bench: export CARGO_FEATURES := --features join
bench: .deps/peers-join/.stamp
bench: export RECOMMEND_PEERS_PYTHON := $(CURDIR)/.deps/peers-join/bin/python
endif

.deps/peers-join/.stamp: tests/python/peers-join.txt
	$(PYTHON) -m venv .deps/peers-join
	.deps/peers-join/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
