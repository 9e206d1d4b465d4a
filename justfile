# Short names for what is run often. Each is one command that can also be typed.

# Everything that the build server runs.
check:
    ./check

# Two hundred kills for each store. Its last lines are rows of docs/measurements.md.
soak:
    TAGOUT_SOAK_CYCLES=200 cargo nextest run --profile soak -p tagout --test crash --no-capture

# Three hundred kills for each store while live plans run. Its last lines are rows of docs/measurements.md.
soak-live:
    TAGOUT_SOAK_CYCLES=300 cargo nextest run --profile soak -p tagout --test live --no-capture soak

# Memory while a hundred thousand alerts come again and again, ten million times.
soak-memory:
    TAGOUT_SOAK_ALERTS=10000000 TAGOUT_SOAK_IDENTITIES=100000 \
        cargo nextest run --profile soak -p tagout --test faults --no-capture memory

# Every benchmark. What is worth keeping goes to docs/measurements.md.
bench:
    cargo bench -p tagout --benches
    cargo bench -p tagout-log --benches

# Fuzz each parser of outside bytes for this many seconds.
fuzz seconds="60":
    fuzz/run {{seconds}}
