# The commands that people use. None of them is needed: each recipe is one line of a shell.

# Runs the gate.
check:
    bash .ci/run

# Links of the documentation, and the files for containers and systemd; a part of the gate.
docs:
    .ci/docs

# Checks the recipes for SAM, CDK and Terraform with these tools. Installs 600 MB.
recipes:
    .ci/recipes

# The AWS backend on independent implementations of AWS's services: `just emulators`, or `just emulators moto`.
emulators *names:
    tests/emulators {{names}}

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

# Estimates time and price of ten million calls on AWS by simulation, and writes the tables and drawings of
# docs/scale.md. `just scale 10` does so with a tenth of the calls.
scale fewer="1":
    cargo run --release --package scale -- page docs {{fewer}}

# The peers' figures alone.
peers *args:
    benches/peers/run.sh {{args}}

# Runs seeds of the simulation up to this one, on all processors. Continues where it stopped (target/soak.txt).
sim upto:
    cargo run --release --package simulation -- soak {{upto}}

# Tells the story of a seed of the simulation in which something goes wrong.
replay seed:
    cargo run --release --package simulation -- replay {{seed}}

# Shrinks that seed to the smallest run in which the same goes wrong. `replay` takes the name that this prints.
shrink seed:
    cargo run --release --package simulation -- shrink {{seed}}

# Kills this many real processes on one file, in checked rounds on new files, and prints one JSON line. Round `n` has
# seed `seed + n`: `just faults 25 SEED` repeats a round.
faults kills seed="2026":
    cargo run --release --package process-faults -- soak {{kills}} {{seed}}

# Full disks, power cuts, clocks that jump, frozen processes: repeats the tests with this many further seeds. If one
# fails, its seed is printed: `CELERIAC_SEED=SEED` repeats it.
mishaps rounds seed="2027":
    for seed in $(seq {{seed}} $(({{seed}} + {{rounds}} - 1))); do \
        CELERIAC_SEED=$seed cargo test --release --package process-faults --test clock --test disk_full --test freeze \
            --test power_cut || exit 1; done

# The mail campaign: 10,000 recipients into ./outbox.
demo:
    cargo run --release --example recipients
    cargo run --release --example mail_campaign -- --recipients recipients.csv

# Fuzzes one reader of foreign bytes for this many seconds: `just fuzz parcel 600`. The targets are in fuzz/src/targets.
fuzz target seconds="60":
    fuzz/run {{target}} {{seconds}}

# Checks dependencies for known vulnerabilities. Needs the network, for the advisory database.
advisories:
    .ci/cargo-deny check advisories
