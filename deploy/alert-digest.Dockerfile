# The Slack app as one static binary in an image without a shell, not root.
#   docker build -f deploy/alert-digest.Dockerfile -t alert-digest .
FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p alert-digest && strip -o /alert-digest target/release/alert-digest && mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /alert-digest /usr/local/bin/alert-digest
# A volume that is mounted here takes over the owner.
COPY --from=build --chown=65532:65532 /data /data
ENV ALERT_DIGEST_DATA=/data ALERT_DIGEST_LOG_JSON=true
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/alert-digest"]
CMD ["serve"]
