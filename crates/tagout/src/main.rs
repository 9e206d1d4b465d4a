//! The `tagout` command.

/// Recording makes many small objects on one thread and drops them on others, which glibc's
/// allocator does at twice the price (`docs/measurements.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tagout::cli::main()
}
