#!/usr/bin/env bash
# Makes a folder with the peers' scripts ready to run: brokers by apt-get, Celery in a virtual environment, the Rust
# programs built. Takes some five minutes on two cores; what is there already is left as it is.
set -euo pipefail
cd "${1:?the folder with a copy of the peers\' scripts}"
mkdir -p run

if [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || ! command -v redis-server >/dev/null; then
    apt-get update --quiet
    # Their packages start them; the scripts start their own, on other files.
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends rabbitmq-server redis-server
    service rabbitmq-server stop || true
    service redis-server stop || true
fi
if [ ! -x venv/bin/celery ]; then
    python3 -m venv venv
    venv/bin/pip install --quiet "celery[redis]==5.7.0"
fi
# The SDK alone, and the launcher that comes closest to a dispatcher.
venv/bin/python -c 'import boto3' 2>/dev/null || venv/bin/pip install --quiet boto3
if [ ! -x venv_lithops/bin/lithops ]; then
    python3 -m venv venv_lithops
    venv_lithops/bin/pip install --quiet "lithops[aws]==3.8.0"
fi
cd rust
cargo build --release --package apalis_bench --package rusty_celery
