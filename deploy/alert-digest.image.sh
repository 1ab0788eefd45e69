#!/usr/bin/env bash
# The alert digest's image without a registry: the static binary is built here instead of in a container, and put into an
# image from nothing with buildah. Then it is started as the image says, and has to answer, as the user and over the
# root file system that a cluster gives it. `make digest-image` runs this; alert-digest.Dockerfile is what a pipeline builds.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET="$(uname -m)-unknown-linux-musl"
OUT=target/alert-digest.oci.tar
need() { command -v "$1" >/dev/null || { echo "there is no $1: $2" >&2; exit 1; }; }
need buildah "apt-get install buildah"
need musl-gcc "apt-get install musl-tools"
need curl "apt-get install curl"
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
test -s "$CERTIFICATES" || { echo "there is no $CERTIFICATES: apt-get install ca-certificates" >&2; exit 1; }
test -d "$(rustc --print target-libdir --target "$TARGET")" || {
  echo "Rust has no $TARGET here: rustup target add $TARGET" >&2; exit 1; }

"${CARGO:-cargo}" build --release --locked -p alert-digest --target "$TARGET"
binary="${CARGO_TARGET_DIR:-target}/$TARGET/release/alert-digest"

# Nothing here needs root or a kernel that lets containers run: chroot is enough to put files together.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
work="$(mktemp -d)"
container="$(buildah from scratch)"
serving=
end() {
  if [ -n "$serving" ]; then kill "$serving" 2>/dev/null || true; wait "$serving" 2>/dev/null || true; fi
  buildah rm "$container" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap end EXIT

install -D -m 755 "$binary" "$work/root/usr/local/bin/alert-digest"
strip "$work/root/usr/local/bin/alert-digest"
install -D -m 644 "$CERTIFICATES" "$work/root$CERTIFICATES"
mkdir -p "$work/root/etc"
echo 'nonroot:x:65532:65532:nonroot:/data:/sbin/nologin' >"$work/root/etc/passwd"
echo 'nonroot:x:65532:' >"$work/root/etc/group"
buildah copy -q "$container" "$work/root" / >/dev/null
mkdir "$work/empty"
buildah copy -q --chown 65532:65532 "$container" "$work/empty" /data >/dev/null
buildah config --user 65532:65532 --port 8080 --env ALERT_DIGEST_DATA=/data --env ALERT_DIGEST_LOG_JSON=true \
  --entrypoint '["/usr/local/bin/alert-digest"]' --cmd serve "$container"
mkdir -p target && rm -f "$OUT"
image="$(buildah commit -q "$container" "oci-archive:$OUT:alert-digest")"

# What is in the archive, not what was put in.
mkdir "$work/image" && tar -xf "$OUT" -C "$work/image"
python3 - "$work/image" "$work/run" <<'PYTHON'
import json, os, sys, tarfile
image, run = sys.argv[1:]
blob = lambda of: os.path.join(image, "blobs", *of["digest"].split(":"))
manifest = json.load(open(blob(json.load(open(f"{image}/index.json"))["manifests"][0])))
config = json.load(open(blob(manifest["config"])))["config"]
assert config["User"] == "65532:65532", config
assert config["Entrypoint"] == ["/usr/local/bin/alert-digest"] and config["Cmd"] == ["serve"], config
for layer in manifest["layers"]:
    tarfile.open(blob(layer)).extractall(run, filter="fully_trusted")
print(f"image: {sum(layer['size'] for layer in manifest['layers']) / 1e6:.1f} MB in {len(manifest['layers'])} layers, user {config['User']}")
PYTHON
root="$work/run"
if ldd "$root/usr/local/bin/alert-digest" 2>&1 | grep -q '=>'; then
  echo "the binary is not static:" >&2; ldd "$root/usr/local/bin/alert-digest" >&2; exit 1
fi
test ! -e "$root/bin/sh" || { echo "there is a shell in the image" >&2; exit 1; }

# As the image's user, over its files alone. Changing root and user takes privileges; without them the binary runs as it is.
if [ "$(id -u)" = 0 ]; then
  inside=(chroot --userspec=65532:65532 "$root" /usr/local/bin/alert-digest); data=/data
else
  echo "not root: the binary is tried outside of the image's files" >&2
  inside=("$root/usr/local/bin/alert-digest"); data="$work/data"
fi
"${inside[@]}" --version
printf 'disk full on web-1\ndisk full on web-2\ndisk full on web-3\ndisk full on web-4\ndisk full on web-5\n' \
  | "${inside[@]}" cluster - --output json >"$work/clusters.json"
python3 -c 'import json, sys; found = json.load(open(sys.argv[1])); assert found["labels"] == [0] * 5, found' "$work/clusters.json"

env -i PATH="$PATH" ALERT_DIGEST_DATA="$data" ALERT_DIGEST_LOG_JSON=true SLACK_SIGNING_SECRET=s SLACK_CLIENT_SECRET=s \
  ALERT_DIGEST_KEY="$(printf '5f%.0s' {1..32})" SLACK_CLIENT_ID=1.2 ALERT_DIGEST_PUBLIC_URL=https://digest.example.com \
  "${inside[@]}" serve --listen 127.0.0.1:0 --drain-seconds 0 2>"$work/log" &
serving=$!
for _ in $(seq 100); do
  address="$(python3 -c '
import json, sys
for line in open(sys.argv[1]):
    fields = json.loads(line).get("fields", {})
    if "address" in fields: print(fields["address"])' "$work/log")"
  if [ -n "$address" ] && [ "$(curl -s -o "$work/answer" -w '%{http_code}' "http://$address/readyz")" = 200 ]; then break; fi
  kill -0 "$serving" || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
test "$(curl -s -o "$work/answer" -w '%{http_code}' "http://$address/readyz")" = 200 || { cat "$work/log" >&2; exit 1; }
kill -TERM "$serving"
wait "$serving" && status=0 || status=$?
serving=
test "$status" = 0 || { echo "SIGTERM ended it with $status" >&2; cat "$work/log" >&2; exit 1; }
buildah rmi "$image" >/dev/null 2>&1 || true
echo "$OUT: it starts without a shell, is ready, and ends cleanly; load it with: podman load -i $OUT"
