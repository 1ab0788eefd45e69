# The alert digest in a real browser and under load. `make test` has the rest, and skips the browser where there is none.
.PHONY: digest-browser digest-load digest-image

digest-browser: ## the alert digest's report in Chromium, with the pictures of the documentation
	@command -v $${CHROMIUM:-chromium} >/dev/null || { \
	  echo "there is no chromium: apt-get install chromium, or name one in CHROMIUM"; exit 1; }
	ALERT_DIGEST_SCREENSHOTS="$(CURDIR)/docs/alert-digest" $(CARGO) test -p alert-digest --test slack browser

digest-load: ## the alert digest over a channel of MESSAGES messages (200,000) while commands come in
	ALERT_DIGEST_LOAD=$${MESSAGES:-200000} $(CARGO) test --release -p alert-digest --test slack huge_channel -- --nocapture

digest-image: ## the alert digest's image without a registry: a static binary from nothing, built with buildah and tried
	CARGO="$(CARGO)" deploy/alert-digest.image.sh
