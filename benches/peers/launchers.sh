#!/usr/bin/env bash
# launchers.sh URL: runs the peers of the AWS backend's figures, whose scripts are in PEERS_DIR, against the Lambda API
# at URL, and prints one JSON line for each: {"peer": .., "per_second": .., "rounds": [least, median, most]}.
set -euo pipefail
export URL=${1:?the address of the Lambda API}
cd "${PEERS_DIR:?the folder with the peers, as README.md beside this script says}"
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
source "$here/peer.sh"

python=venv/bin/python
lithops=venv_lithops/bin/python
for needed in rep.py d_python.py "$python" "$lithops"; do
    [ -e "$needed" ] || { echo "$PEERS_DIR/$needed is not there: run setup.sh beside this script" >&2; exit 1; }
done

# What takes 100 ms a call is measured on as many calls as take a few seconds, and held against as what 10,000 take.
peer "boto3, one after the other (20 calls measured)" per_s "$python" d_python.py seq 20
peer "boto3, 64 threads" per_s env READ=1 "$python" d_python.py threads 10000 64
peer "Lithops 3.8, 64 threads" per_s "$lithops" d_python.py lithops 10000
