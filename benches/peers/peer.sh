# To be sourced, in the folder with the peers' scripts.

# peer NAME FIELD COMMAND..: the median of some rounds of that field of the JSON line that the command prints.
peer() {
    local name=$1 field=$2
    shift 2
    ./rep.py -n "${ROUNDS:-3}" "$@" | python3 -c '
import json, sys
name, field = sys.argv[1:]
line = json.load(sys.stdin)
if field not in line:
    sys.exit(f"{name}: {line}")
rounds = line[field] if isinstance(line[field], list) else [line[field]] * 3
print(json.dumps({"peer": name, "per_second": rounds[1], "rounds": rounds}), flush=True)
' "$name" "$field"
}
