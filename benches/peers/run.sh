#!/usr/bin/env bash
# Runs the peers of the main job's figures, whose scripts are in PEERS_DIR, and prints one JSON line for each:
# {"peer": .., "per_second": .., "rounds": [least, median, most]}. Starts their brokers and stops them again.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
cd "${PEERS_DIR:?the folder with the peers, as README.md beside this script says}"
source "$here/peer.sh"

python=venv/bin/python
programs=rust/target/release
for needed in brokers.sh rep.py "$python" "$programs/apalis_bench" "$programs/rusty_celery"; do
    [ -x "$needed" ] || { echo "$PEERS_DIR/$needed is not there: run setup.sh beside this script" >&2; exit 1; }
done

trap './brokers.sh stop' EXIT
./brokers.sh start >&2

peer "celery group" per_s "$python" c_enqueue.py amqp none group 10000
peer "celery chunks" per_s "$python" c_enqueue.py amqp none chunks 100000
peer "apalis redis bulk" per_s "$programs/apalis_bench" redis bulk 100000
peer "apalis sqlite bulk" per_s "$programs/apalis_bench" sqlite bulk 10000
peer "rusty-celery amqp e2e" drain_per_s "$programs/rusty_celery" amqp e2e 100000
peer "celery amqp prefork" drain_per_s "$python" c_e2e.py amqp none prefork 10000
peer "apalis sqlite e2e" drain_per_s "$programs/apalis_bench" sqlite e2e 2000
