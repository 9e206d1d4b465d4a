//! The `tagout` command.

/// A delivery is some two hundred small objects that go from thread to thread. With the system's
/// allocator, giving memory out and taking it back was the largest part of recording it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tagout::cli::main()
}
