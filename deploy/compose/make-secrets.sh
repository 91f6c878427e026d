#!/bin/sh
# Writes .env, and secrets/ for the containers, with new random values. Run it once, as root: the containers run as user 65532,
# who must be able to read secrets/ and tls/, and nobody else.
set -eu
cd "$(dirname "$0")"
if [ -e .env ] || [ -e secrets/edge-secret ]; then
    echo "make-secrets.sh: .env or secrets/ exists. The database can only be read with them, so nothing was changed." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "make-secrets.sh: run it as root, so that only the containers' user can read what it writes." >&2
    exit 1
fi
umask 077
new() { openssl rand -hex 32; }
owner=$(new) redis=$(new) edge=$(new)
mkdir -p secrets/credentials tls identity
printf %s "$edge" >secrets/edge-secret
{
    echo "POSTGRES_PASSWORD=$owner"
    echo "REDIS_PASSWORD=$redis"
    echo "GRAFANA_PASSWORD=$(new)"
    echo "MEGAROUTER_DATABASE_URL=postgresql://owner:$owner@postgres:5432/megarouter"
    for service in authz usage admin notification; do
        variable=MEGAROUTER_$(echo $service | tr a-z A-Z)_DATABASE_URL
        echo "$variable=postgresql://megarouter_$service:$(new)@postgres:5432/megarouter"
    done
    echo "MEGAROUTER_REDIS_URL=redis://:$redis@redis:6379/0"
    echo "MEGAROUTER_HOLD_SIGNING_KEY=$(new)"
    echo "MEGAROUTER_KEY_PEPPER=$(new)"
    echo "MEGAROUTER_EDGE_SECRET=$edge"
    echo "MEGAROUTER_CHANNEL_KEY=$(new)"
    echo "MEGAROUTER_CREDENTIAL_KEY=$(new)"
} >.env
chown -R 65532:65532 secrets tls identity
echo "written: .env, secrets/. Put the providers' keys into secrets/credentials/, such as OPENAI_API_KEY, without a line break."
