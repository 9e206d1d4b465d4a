//! What a process gives up before it becomes a command: descriptors, resources, privileges.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

use super::order::{Bounds, Profile};
use super::outcome::Enforced;

/// What is demanded of Landlock: file system, TCP, signals and abstract sockets. Linux 6.12 knows
/// it all. Newer rights are not asked for, so that a profile means the same everywhere.
const DEMANDED: ABI = ABI::V6;

/// What a program cannot do without: its shared libraries, and devices that keep nothing.
const LIBRARIES: [&str; 6] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"];
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// Closes every descriptor but 0, 1 and 2, whoever has left it open.
pub(super) fn close_descriptors() -> io::Result<()> {
    let entries = fs::read_dir("/proc/self/fd")?;
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<i32> = entries.filter_map(number).collect();
    // The descriptor of the listing itself is closed by now; that one more fails does no harm.
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

/// Sets what this process and its descendants may take. Nothing leaves a core dump: it would be
/// memory with secrets in it on the disk.
pub(super) fn bound(bounds: &Bounds) -> Result<(), String> {
    let cpu = bounds.cpu.millis().div_ceil(1000);
    let all = [
        ("core", Resource::RLIMIT_CORE, 0),
        ("cpu", Resource::RLIMIT_CPU, cpu),
        ("files", Resource::RLIMIT_NOFILE, bounds.files),
        ("file_size", Resource::RLIMIT_FSIZE, bounds.file_size),
        ("processes", Resource::RLIMIT_NPROC, bounds.processes),
        ("memory", Resource::RLIMIT_AS, bounds.memory),
    ];
    for (name, resource, most) in all {
        // Nobody but root may raise a hard limit; one that is lower already is stricter and stays.
        let hard = nix::sys::resource::getrlimit(resource).map_or(most, |(_, hard)| hard);
        let most = most.min(hard);
        setrlimit(resource, most, most)
            .map_err(|e| format!("the limit on {name} cannot be set: {e}"))?;
    }
    Ok(())
}

/// Gives up gaining privileges by set-user-id programs, for good.
pub(super) fn forgo_privileges() -> Result<(), String> {
    prctl::set_no_new_privs().map_err(|e| format!("new privileges cannot be forgone: {e}"))
}

/// Holds this process and its descendants to all of these profiles.
pub(super) fn restrict(profiles: &[Profile], program: &Path) -> Result<Enforced, String> {
    let none = if profiles.is_empty() { Enforced::NotAsked } else { Enforced::Fully };
    profiles.iter().try_fold(none, |_, profile| restrict_to(profile, program))
}

fn restrict_to(profile: &Profile, program: &Path) -> Result<Enforced, String> {
    let status =
        landlock(profile, program).map_err(|e| format!("the profile cannot be enforced: {e}"))?;
    match status {
        RulesetStatus::FullyEnforced => Ok(Enforced::Fully),
        partly => Err(format!(
            "the profile that the step demands is not fully enforced by this kernel ({partly:?}); \
             Linux 6.12 with Landlock switched on does"
        )),
    }
}

fn landlock(profile: &Profile, program: &Path) -> Result<RulesetStatus, RulesetError> {
    let all = AccessFs::from_all(DEMANDED);
    let reading = AccessFs::from_read(DEMANDED);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(DEMANDED))?
        .scope(Scope::from_all(DEMANDED))?
        .create()?;
    let libraries = LIBRARIES.map(PathBuf::from);
    let program = program.to_owned();
    let root = PathBuf::from("/");
    let (read, execute, write, connect): (&[PathBuf], Vec<&PathBuf>, &[PathBuf], &[u16]) =
        match profile {
            Profile::ReadOnly { connect } => (&[], vec![&root], &[], connect),
            Profile::Paths { read, execute, write, connect } => {
                let execute = execute.iter().chain(&libraries).chain([&program]);
                (read, execute.collect(), write, connect)
            }
        };
    let devices = DEVICES.map(PathBuf::from);
    // What it can write it cannot execute, unless that is said of the path as well.
    let granted = execute.into_iter().map(|path| (path, reading));
    let granted = granted.chain(read.iter().map(|path| (path, reading & !AccessFs::Execute)));
    let writing = all & !AccessFs::Execute;
    let granted = granted.chain(write.iter().chain(&devices).map(|path| (path, writing)));
    for (path, access) in granted {
        // What is not there cannot be touched anyway.
        let Ok(place) = PathFd::new(path) else { continue };
        let fitting = if path.is_dir() { access } else { access & AccessFs::from_file(DEMANDED) };
        rules = rules.add_rule(PathBeneath::new(place, fitting))?;
    }
    for port in connect {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}
