# What is done often. `just` alone lists it; each recipe is one command that also works without just.

_:
    @just --list

# Formatting, lints, dependencies, documentation, evaluation, fuzzing, tests.
check:
    ./check

# Two hundred kills on each store. Put the lines it prints into docs/measurements.md.
soak:
    TAGOUT_SOAK_CYCLES=200 cargo nextest run -p tagout --test crash --no-capture

# Tagout beside Alertmanager and the least durable receiver.
bench seconds="8":
    cargo bench -p tagout --bench ingest -- {{seconds}}

# Each fuzz target for so many seconds.
fuzz seconds="60":
    fuzz/run {{seconds}}
