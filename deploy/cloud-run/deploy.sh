#!/bin/sh
# Puts an image in place on Cloud Run. A share that Cloud Run mounts has no locks, so the old instance is stopped before
# the new one starts: the app is away for some seconds, in which Slack delivers events again and people try again.
# The directory alert-digest of the share must be there and belong to 65532, the image's user.
#   PROJECT=… REGION=… IMAGE=… PUBLIC_URL=… CLIENT_ID=… NETWORK=… SUBNETWORK=… FILESTORE_ADDRESS=… FILESTORE_SHARE=… ./deploy.sh
set -eu
: "${PROJECT:?}" "${REGION:?}" "${IMAGE:?}" "${PUBLIC_URL:?}" "${CLIENT_ID:?}"
: "${NETWORK:?}" "${SUBNETWORK:?}" "${FILESTORE_ADDRESS:?}" "${FILESTORE_SHARE:?}"
run="gcloud run services --project $PROJECT --region $REGION"
here=$(dirname "$0")
filled=$(mktemp)
trap 'rm -f "$filled"' EXIT
sed -e "s|PROJECT|$PROJECT|; s|\bIMAGE\b|$IMAGE|; s|PUBLIC_URL\"|$PUBLIC_URL\"|; s|CLIENT_ID\"|$CLIENT_ID\"|" \
    -e "s|\"NETWORK\"|\"$NETWORK\"|; s|\"SUBNETWORK\"|\"$SUBNETWORK\"|" \
    -e "s|FILESTORE_ADDRESS|$FILESTORE_ADDRESS|; s|FILESTORE_SHARE|$FILESTORE_SHARE|" "$here/alert-digest.yaml" >"$filled"
if $run describe alert-digest >/dev/null 2>&1; then
    $run update alert-digest --scaling=0 --quiet
fi
$run replace "$filled"
$run update alert-digest --scaling=1 --quiet
# Slack must be let in; it signs what it sends.
$run add-iam-policy-binding alert-digest --member=allUsers --role=roles/run.invoker >/dev/null
curl --fail --silent --show-error --retry 20 --retry-all-errors --retry-delay 1 "$PUBLIC_URL/readyz"
echo
