# scikit-learn, the judge and the peer of the text crate. Nothing that serves needs it.
TEXT_PEERS := .deps/peers-text

.PHONY: peers-text

peers-text: $(TEXT_PEERS)/.stamp ## text beside scikit-learn: the same labels on random cases, then the bench
	$(CARGO) build --release -q -p recommend-text --example judge
	$(TEXT_PEERS)/bin/python benches/peers/text.py judge "$$($(CARGO) metadata --format-version 1 --no-deps | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/judge"
	$(MAKE) bench BENCH=text

$(TEXT_PEERS)/.stamp: tests/python/peers-text.txt
	$(PYTHON) -m venv $(TEXT_PEERS)
	$(TEXT_PEERS)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The bench asks it in the same run.
bench: export RECOMMEND_SKLEARN := $(CURDIR)/$(TEXT_PEERS)/bin/python
ifeq ($(BENCH),text)
bench: $(TEXT_PEERS)/.stamp
endif
