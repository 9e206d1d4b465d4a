//! The launcher: gives up what the command is not to have, and becomes it.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;

use nix::sys::signal::Signal;
use nix::unistd::setsid;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::{FdFlags, fcntl_setfd};

use super::super::confine;
use super::super::outcome::Enforced;
use super::super::program::Program;
use super::super::secret::Hand;
use super::super::wire::{Launch, Report, receive, send};
use super::begin;
use crate::lease::Moment;

pub(super) fn main() -> io::Result<()> {
    let init = begin(Some(Signal::SIGKILL))?;
    let Some(launch) = receive::<Launch>(&init)? else { return Ok(()) };
    let why = match become_it(&launch, |profile| send(&init, &Report::Starting { profile })) {
        Ok(never) => match never {},
        Err(why) => why,
    };
    send(&init, &Report::NotStarted { why })
}

/// Becomes the command. It returns only if that has failed, and then nothing of it has run.
fn become_it(
    launch: &Launch,
    starting: impl FnOnce(Enforced) -> io::Result<()>,
) -> Result<std::convert::Infallible, String> {
    setsid().map_err(|e| format!("no session of its own: {e}"))?;
    let program = Program::resolve(&launch.program).map_err(|e| e.to_string())?;
    if program.path() != launch.program || program.digest().to_string() != launch.digest {
        return Err(format!(
            "the program {} is not the one that was ordered: it holds {}, and {} was ordered",
            launch.program.display(),
            program.digest(),
            launch.digest
        ));
    }
    let environment = launch.environment.iter();
    let mut environment: Vec<_> =
        environment.map(|(name, value)| variable(name, value)).collect::<Result<_, _>>()?;
    // The files live until the command has taken them over.
    let mut files = Vec::new();
    for secret in &launch.secrets {
        environment.push(match secret.hand {
            Hand::Environment => variable(&secret.variable, &secret.value)?,
            Hand::Descriptor => {
                let file = in_memory("secret", &secret.value)
                    .map_err(|e| format!("no memory for the secret of {}: {e}", secret.variable))?;
                let path = format!("/dev/fd/{}", file.as_raw_fd());
                fcntl_setfd(&file, FdFlags::empty())
                    .map_err(|e| format!("the secret of {} is kept: {e}", secret.variable))?;
                files.push(file);
                variable(&secret.variable, path.as_bytes())?
            }
        });
    }
    let path = text(program.path().as_os_str().as_bytes().to_vec())?;
    let arguments = launch.arguments.iter().map(|argument| text(argument.clone().into_bytes()));
    let arguments: Vec<_> =
        std::iter::once(Ok(path.clone())).chain(arguments).collect::<Result<_, _>>()?;
    std::env::set_current_dir(&launch.directory)
        .map_err(|e| format!("it cannot run in {}: {e}", launch.directory.display()))?;
    let input = match &launch.input {
        None => File::open("/dev/null"),
        Some(bytes) => in_memory("input", bytes),
    };
    input
        .and_then(|input| Ok(nix::unistd::dup2_stdin(input)?))
        .map_err(|e| format!("no input of its own: {e}"))?;
    confine::forgo_privileges()?;
    let profile = confine::restrict(&launch.profiles, program.path())?;
    confine::bound(&launch.bounds)?;
    // As late as can be: whoever ordered it may have been stuck since.
    if Moment::now() > launch.start_by {
        return Err("it came too late: the agent had no more leave to start it".into());
    }
    starting(profile).map_err(|e| format!("its supervisor is gone: {e}"))?;
    // The runtime of this language ignores it, and the command would inherit that.
    sigpipe::reset();
    // Not by the standard library's `exec`: where the kernel cannot execute a file, that has a
    // shell try.
    let Err(error) = nix::unistd::execve(&path, &arguments, &environment);
    Err(format!("{} cannot be executed: {error}", program.path().display()))
}

fn text(bytes: Vec<u8>) -> Result<CString, String> {
    CString::new(bytes).map_err(|_| "an argument or a variable holds a zero byte".into())
}

fn variable(name: &str, value: &[u8]) -> Result<CString, String> {
    text([name.as_bytes(), b"=", value].concat())
}

/// A file that is only memory, and that nobody can change.
fn in_memory(name: &str, bytes: &[u8]) -> io::Result<File> {
    let memory = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    // A program that reads the descriptor itself begins at the beginning.
    io::Seek::rewind(&mut file)?;
    Ok(file)
}
