# Experiments: the statistics beside scipy and statsmodels, and what a thousand of them find.
.PHONY: peers-experiments

peers-experiments: .deps/peers-experiments/.stamp ## the statistics of experiments beside scipy and statsmodels, then the bench
	$(CARGO) bench -q -p recommend-benches --bench experiments -- cases
	.deps/peers-experiments/bin/python benches/peers/experiments.py
	$(MAKE) bench BENCH=experiments

.deps/peers-experiments/.stamp: tests/python/peers-experiments.txt
	$(PYTHON) -m venv .deps/peers-experiments
	.deps/peers-experiments/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
