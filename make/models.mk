# Training with XGBoost: its library and libclang come from PyPI, so that no compiler of C++ is needed.
TRAIN_ENV = XGBOOST_LIB_DIR="$(XGBOOST_LIB)" LD_LIBRARY_PATH="$(XGBOOST_LIB)" LIBCLANG_PATH="$(CURDIR)/$(XGBOOST)/clang/native" \
  BINDGEN_EXTRA_CLANG_ARGS="-I$(shell $(CC) -print-file-name=include)"

.PHONY: train-xgboost test-xgboost peers-training airflow-test kubernetes-test

train-xgboost: $(XGBOOST)/.stamp ## build the binary that trains XGBoost's models and joins the log
	$(TRAIN_ENV) $(CARGO) build --release -p recommend --features training,xgboost

test-xgboost: $(XGBOOST)/.stamp ## tests of the XGBoost trainers
	$(TRAIN_ENV) $(CARGO) test -p recommend-training --features xgboost --lib trainers

peers-training: $(XGBOOST)/.stamp .deps/peers-training/.stamp ## training and metrics beside scikit-learn, XGBoost and ranx
	.deps/peers-training/bin/python benches/peers/training.py train
	$(TRAIN_ENV) $(CARGO) bench -q -p recommend-benches --features xgboost --bench training
	.deps/peers-training/bin/python benches/peers/training.py check

.deps/peers-training/.stamp: tests/python/peers-training.txt
	$(PYTHON) -m venv .deps/peers-training
	.deps/peers-training/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

airflow-test: ## install Airflow from PyPI into .deps, load the DAG and run it over a demo workspace
	deploy/airflow/try.sh

kubernetes-test: $(XGBOOST)/.stamp .deps/kubernetes/.stamp ## the manifests of training against Kubernetes' schema, and their commands run
	$(TRAIN_ENV) $(CARGO) build --release -p recommend --features training,xgboost
	.deps/kubernetes/bin/python deploy/kubernetes/training/try.py "$${CARGO_TARGET_DIR:-target}/release/recommend"

.deps/kubernetes/.stamp: tests/python/kubernetes.txt
	$(PYTHON) -m venv .deps/kubernetes
	.deps/kubernetes/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
