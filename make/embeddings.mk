# Embeddings beside others: ALS beside implicit.
.PHONY: peers-als

peers-als: .deps/peers-als/.stamp $(MOVIELENS) ## ALS beside implicit: time, loss, quality; ARGS=scale: 10 million interactions
	$(CARGO) build --release -q -p recommend-embeddings --example als
	.deps/peers-als/bin/python benches/peers/als.py "$$($(CARGO) metadata --format-version 1 --no-deps | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/als" $(ARGS)

.deps/peers-als/.stamp: tests/python/peers-als.txt
	$(PYTHON) -m venv .deps/peers-als
	.deps/peers-als/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
