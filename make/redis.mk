# Redis for tests, the demo and benches: Debian's own, installed or unpacked into .deps.
REDIS_DIR := $(CURDIR)/.deps/redis
REDIS_PACKAGES := redis-server redis-tools libjemalloc2 liblzf1 libatomic1

.PHONY: redis test-redis

redis: ## bring redis-server into .deps/redis when the system has none
	@command -v redis-server >/dev/null || test -x $(REDIS_DIR)/usr/bin/redis-server || { \
	  echo "unpacking $(REDIS_PACKAGES) into .deps/redis (once)"; \
	  mkdir -p $(REDIS_DIR)/packages && cd $(REDIS_DIR)/packages && apt-get download -qq $(REDIS_PACKAGES) && \
	  for package in *.deb; do dpkg -x "$$package" $(REDIS_DIR); done; }

test-redis: redis ## the stores' contract, clusters and faults over a real Redis
	RECOMMEND_REDIS=required $(CARGO) test -p recommend-stores --test redis -- --nocapture
	RECOMMEND_REDIS=required $(CARGO) test -p recommend-server --test it redis -- --nocapture
