# The everyday commands. `just` lists them.

_default:
    @just --list

# Set up what is missing, then run every check and every test
test:
    ci/test

# Run what needs no privileges
check:
    ci/check

# Check format, lints and documentation
lint:
    ci/lint

# Run tests on plain data whose name contains FILTER
unit FILTER="":
    cargo test --lib --test rootless -- {{FILTER}}

# Run kernel tests whose name contains FILTER
kernel FILTER="":
    cargo test --lib --test kernel --test testbed -- --include-ignored {{FILTER}}

# Accept changed snapshots; read the diff afterwards
accept FILTER="":
    INSTA_UPDATE=always cargo test --lib --test rootless -- {{FILTER}}
    git diff --stat -- '*.snap'

# Run the shipped scenarios, or those named
run *NAMES:
    cargo run --release -- run {{NAMES}}

# Write the generated documents again
docs:
    ci/truth-table
    ci/advice
    ci/virtual-time
    ci/performance

# Open the documentation of the library
api:
    cargo doc --no-deps --open
