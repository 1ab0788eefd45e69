# The demo. All of it trains, and so takes XGBoost's library from PyPI and minutes to build DataFusion, once.
.PHONY: demo quick-demo serve

# Threads of OpenMP that spin while they wait take the cores from the servers and from each other.
demo: $(XGBOOST)/.stamp ## build, ask seven recommenders, then the whole loop: learn from clicks, and prove it by experiments
	$(TRAIN_ENV) $(CARGO) build --release -p recommend --features training,xgboost
	$(TRAIN_ENV) OMP_WAIT_POLICY=passive $(CARGO) run --release -q -p recommend --features training,xgboost -- demo $(ARGS)

quick-demo: ## its first half, which needs nothing but Rust: a workspace, a server, seven recommenders
	$(CARGO) build --release -p recommend
	$(CARGO) run --release -q -p recommend -- demo --no-learning $(ARGS)

serve: ## the same, and leave it running
	$(CARGO) build --release -p recommend
	$(CARGO) run --release -q -p recommend -- demo --serve $(ARGS)
