# XGBoost's own library, the judge of the forest engine in differential tests and benches. Nothing that serves needs it.
XGBOOST := .deps/xgboost
XGBOOST_LIB := $(CURDIR)/$(XGBOOST)/xgboost/lib

.PHONY: xgboost differential

xgboost: $(XGBOOST)/.stamp ## bring libxgboost into .deps, for the differential test and the bench

differential: $(XGBOOST)/.stamp ## compare with libxgboost over thousands of forests
	MODELS=$${MODELS:-3000} XGBOOST_LIB_DIR="$(XGBOOST_LIB)" $(CARGO) test --release -p recommend-models --features xgboost --test differential -- --nocapture

$(XGBOOST)/.stamp: tests/python/xgboost.txt
	$(PYTHON) -m venv $(XGBOOST)/venv
	$(XGBOOST)/venv/bin/pip install --quiet --disable-pip-version-check --target $(XGBOOST) -r $<
	@touch $@

# The bench of forests compares with it.
bench: export XGBOOST_LIB_DIR := $(XGBOOST_LIB)
ifeq ($(BENCH),forest)
bench: $(XGBOOST)/.stamp
endif

.PHONY: peers-forest
peers-forest: .deps/peers/.stamp ## the forest bench's model in treelite, TL2cgen, ONNX Runtime and lleaves
	.deps/peers/bin/python benches/peers/forest.py

.deps/peers/.stamp: tests/python/peers-forest.txt
	$(PYTHON) -m venv .deps/peers
	.deps/peers/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
