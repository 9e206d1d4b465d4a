//! The `tagout` command.

fn main() -> std::process::ExitCode {
    tagout::cli::main()
}
