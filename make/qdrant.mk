# Vectors in Qdrant: over the server at QDRANT_URL, or over one in process that speaks its gRPC.
.PHONY: test-qdrant

test-qdrant: ## vectors' contract over QDRANT_URL or a server in process, and 28 faults × 1,000 requests
	$(CARGO) test -p recommend-stores --features qdrant,contract --lib vectors
	$(CARGO) test -p recommend-stores --features qdrant,contract --test qdrant -- --nocapture
	RECOMMEND_QDRANT=required $(CARGO) test -p recommend-server --features qdrant-tests --lib config::vectors
	RECOMMEND_QDRANT=required $(CARGO) test -p recommend-server --features qdrant-tests --test it qdrant -- --nocapture
	$(CARGO) test -p recommend --features qdrant-tests --test qdrant -- --nocapture
