#!/bin/sh
# SeaweedFS with two keys: `platform` for everything, `dashboard` that may read the platform's bucket. Only S3 listens
# outside of the container; the servers behind it, which ask for no key, stay inside.
set -eu
umask 077
identities="${S3_IDENTITIES:-/tmp/s3.json}"
cat > "$identities" <<JSON
{"identities": [
  {"name": "platform",
   "credentials": [{"accessKey": "platform", "secretKey": "${PLATFORM_SECRET_KEY:?}"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "dashboard",
   "credentials": [{"accessKey": "dashboard", "secretKey": "${DASHBOARD_SECRET_KEY:?}"}],
   "actions": ["Read:crypto-assets", "List:crypto-assets"]}
]}
JSON
unset PLATFORM_SECRET_KEY DASHBOARD_SECRET_KEY
exec weed -logtostderr=true server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.telemetry=false -master.volumeSizeLimitMB=1024 -volume.max=0 \
    -filer -s3 -s3.port=8333 -s3.ip.bind=0.0.0.0 -s3.config="$identities" \
    -s3.iam=false -s3.autoCreateBucket=false -s3.port.iceberg=0 -s3.port.lance=0
