# Embeddings beside others: ALS beside implicit, nearest neighbours beside usearch, hnswlib and faiss.
.PHONY: peers-als

peers-als: .deps/peers-als/.stamp .deps/movielens/ml-100k.csv ## ALS beside implicit: time, loss, quality; ARGS=scale: 10 million interactions
	$(CARGO) build --release -q -p recommend-embeddings --example als
	.deps/peers-als/bin/python benches/peers/als.py "$$($(CARGO) metadata --format-version 1 --no-deps | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/als" $(ARGS)

.deps/peers-als/.stamp: tests/python/peers-als.txt
	$(PYTHON) -m venv .deps/peers-als
	.deps/peers-als/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: peers-vectors
peers-vectors: .deps/peers-vectors/.stamp ## nearest neighbours beside usearch, hnswlib and faiss; ARGS: how many instead of a million
	$(CARGO) build --release -q -p recommend-stores --example vectors
	.deps/peers-vectors/bin/python benches/peers/vectors.py "$$($(CARGO) metadata --format-version 1 --no-deps | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/vectors" $(ARGS)

.deps/peers-vectors/.stamp: tests/python/peers-vectors.txt
	$(PYTHON) -m venv .deps/peers-vectors
	.deps/peers-vectors/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
