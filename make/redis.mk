# Redis for tests, the demo and benches: Debian's own, installed or unpacked into .deps.
REDIS_DIR := $(CURDIR)/.deps/redis
REDIS_PACKAGES := redis-server redis-tools libjemalloc2 liblzf1 libatomic1

# Starts a server on a port of its own, ends it with the recipe, and goes on when it answers.
REDIS_CLI = LD_LIBRARY_PATH=$(REDIS_DIR)/usr/lib/$$(uname -m)-linux-gnu $$(command -v redis-cli || echo $(REDIS_DIR)/usr/bin/redis-cli)
define WITH_REDIS
folder=$$(mktemp -d); port=$${REDIS_PORT:-6390}; \
program=$$(command -v redis-server || echo $(REDIS_DIR)/usr/bin/redis-server); \
LD_LIBRARY_PATH=$(REDIS_DIR)/usr/lib/$$(uname -m)-linux-gnu $$program --port $$port --bind 127.0.0.1 --save '' \
  --dir "$$folder" --loglevel warning & redis=$$!; \
trap 'kill $$redis 2>/dev/null; wait $$redis 2>/dev/null || true; rm -rf "$$folder"' EXIT; \
until [ "$$($(REDIS_CLI) -p $$port ping 2>/dev/null)" = PONG ]; do kill -0 $$redis; done;
endef

.PHONY: redis test-redis demo-redis bench-redis

redis: ## bring redis-server into .deps/redis when the system has none
	@command -v redis-server >/dev/null || test -x $(REDIS_DIR)/usr/bin/redis-server || { \
	  echo "unpacking $(REDIS_PACKAGES) into .deps/redis (once)"; \
	  mkdir -p $(REDIS_DIR)/packages && cd $(REDIS_DIR)/packages && apt-get download -qq $(REDIS_PACKAGES) && \
	  for package in *.deb; do dpkg -x "$$package" $(REDIS_DIR); done; }

test-redis: redis ## the stores' contract, clusters and faults over a real Redis
	RECOMMEND_REDIS=required $(CARGO) test -p recommend-stores --test redis -- --nocapture
	$(CARGO) test -p recommend-stores --features redis-tls --lib redis::tls
	RECOMMEND_REDIS=required $(CARGO) test -p recommend-stores --features redis-tls --test redis_tls -- --nocapture
	RECOMMEND_REDIS=required $(CARGO) test -p recommend-server --test it redis -- --nocapture

bench-redis: redis ## the benches of live features and of the whole server over a real Redis, beside the embedded stores
	@$(WITH_REDIS) REDIS_URL=redis://127.0.0.1:$$port $(CARGO) bench -q -p recommend-benches --bench live; \
	$(REDIS_CLI) -p $$port flushall >/dev/null; \
	taskset -acp 1 $$redis >/dev/null; \
	REDIS_URL=redis://127.0.0.1:$$port $(CARGO) bench -q -p recommend-benches --bench grpc

demo-redis: redis ## the demo on a real Redis that it starts, and stops at the end
	$(CARGO) build --release -p recommend
	@$(WITH_REDIS) $(CARGO) run --release -q -p recommend -- demo --no-learning --redis redis://127.0.0.1:$$port --data target/demo/data-redis $(ARGS)
