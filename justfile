# The words people use. None of it is needed: each recipe is one line of a shell.

# What the gate runs.
check:
    bash .ci/run

# Links of the documentation, and the files for containers and systemd; a part of the gate.
docs:
    .ci/docs

# All tests; sets up what they need.
test *args:
    tests/run {{args}}

# The tests that a contributor runs all the time.
quick *args:
    tests/run quick {{args}}

# The figures of the main job, one JSON line each; with peers if PEERS_DIR names their folder.
bench *args:
    cargo bench --bench main_job {{args}}

# The figures of the AWS backend, on a local host; with peers likewise.
bench-aws *args:
    cargo bench --bench fan_out {{args}}

# How long and how dear ten million calls are on AWS, by simulation: writes the tables and drawings of docs/scale.md. `just
# scale 10` for a tenth of them.
scale fewer="1":
    cargo run --release --package scale -- page docs {{fewer}}

# The peers' figures alone.
peers *args:
    benches/peers/run.sh {{args}}

# Runs seeds of the simulation up to this one, on all processors; goes on where it stopped (target/soak.txt).
sim upto:
    cargo run --release --package simulation -- soak {{upto}}

# The story of what goes wrong in a seed of the simulation.
replay seed:
    cargo run --release --package simulation -- replay {{seed}}

# The least of that seed in which the same goes wrong, by a name that `replay` takes.
shrink seed:
    cargo run --release --package simulation -- shrink {{seed}}

# Kills so many real processes on one file, in rounds on new files, each checked; one JSON line. Round `n` is that of seed
# `seed + n`: `just faults 25 SEED` plays the round again that said so.
faults kills seed="2026":
    cargo run --release --package process-faults -- soak {{kills}} {{seed}}

# Full disks, power cuts, clocks that jump, frozen processes: what the tests do once, with so many other seeds. The seed of
# one that fails is printed: `CELERIAC_SEED=SEED` plays it again.
mishaps rounds seed="2027":
    for seed in $(seq {{seed}} $(({{seed}} + {{rounds}} - 1))); do \
        CELERIAC_SEED=$seed cargo test --release --package process-faults --test clock --test disk_full --test freeze \
            --test power_cut || exit 1; done

# The mail campaign: 10,000 recipients into ./outbox.
demo:
    cargo run --release --example recipients
    cargo run --release --example mail_campaign -- --recipients recipients.csv

# Fuzzes one reader of foreign bytes for so long, `just fuzz parcel 600`; the targets are in fuzz/src/targets.
fuzz target seconds="60":
    fuzz/run {{target}} {{seconds}}

# Known vulnerabilities in dependencies. Needs the network, for the advisory database.
advisories:
    .ci/cargo-deny check advisories
