//! Looking before deciding with two replicas over one PostgreSQL database. Each look takes a ticket
//! out of a pipe that the test has filled, so that what was really run is counted from outside.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use nix::sys::stat::Mode;
use serde_json::Value;

use super::looking::{PAGE, SECRET, ends, enforced, looking};
use super::replicas::Pair;
use super::stage::{LIVE, home};

/// A ticket and its end of line.
const TICKET: usize = 5;

/// A pipe full of tickets. It stays open, so that nobody waits at it.
fn tickets(path: &std::path::Path, number: u32) -> File {
    nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let mut options = OpenOptions::new();
    let pipe = options.read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
    let mut pipe = pipe.unwrap();
    for ticket in 1..=number {
        writeln!(pipe, "{ticket:04}").unwrap();
    }
    pipe
}

#[test]
fn each_look_happens_once_and_the_evidence_is_what_that_one_saw() {
    let first = looking("");
    let pipe = first.path("tickets");
    let mut kept = tickets(&pipe, 50);
    let script = format!(
        "#!/bin/sh\necho \"ticket $(dd if={pipe:?} bs={TICKET} count=1 2>/dev/null) of $1\"\nsleep 0.2\n"
    );
    let peek = first.write("bin/peek", script);
    fs::set_permissions(&peek, fs::Permissions::from_mode(0o755)).unwrap();
    let second = home("dry-run", LIVE);
    second.write("book/looked.md", PAGE);
    second.write("state/tagout/kept", SECRET);
    let pair = Pair::of(first, second);
    pair.leader();
    let [one, two] = &pair.replicas;

    let mut incidents = Vec::new();
    for (n, to) in [one, two, one, two].into_iter().enumerate() {
        incidents.push(to.alert("Looked", &format!("host-{n}"), "0"));
    }
    if !enforced(one, &incidents[0]) {
        return;
    }
    let trail = one.service.home.trail();
    let mut taken = Vec::new();
    for (n, incident) in incidents.iter().enumerate() {
        let own = || trail.iter().filter(|line| line["incident"] == incident.as_str());
        let of = |kind: &str| own().filter(|line| line["event"]["kind"] == kind).count();
        // Both listed checks, each once.
        assert_eq!((of("look_started"), of("look_ended"), of("inspection_opened")), (2, 2, 1));
        let seen: Vec<String> = ends(one, incident)
            .iter()
            .map(|end| end["output"]["$text"].as_str().unwrap().trim().to_owned())
            .collect();
        for output in &seen {
            let ticket = output.strip_prefix("ticket ").and_then(|o| o.split(' ').next());
            taken.push(ticket.unwrap_or_else(|| panic!("{output}")).to_owned());
            assert!(output.ends_with(&format!("of host-{n}")), "{output}");
        }
        // Every reviewer sees the one that is recorded, whichever replica they ask.
        let view = |at: &super::stage::Stage| -> Value {
            at.ben.get(&format!("/v1/incidents/{incident}/plan")).is(200).json()
        };
        let shown = view(one);
        let looks = shown["looks"].as_array().unwrap();
        let outputs: Vec<_> = [0, 2].map(|at| looks[at]["output"].as_str().unwrap().trim()).into();
        assert_eq!(outputs, seen);
        assert_eq!(view(two)["looks"], shown["looks"]);
        assert_eq!(view(two)["plan_digest"], shown["plan_digest"]);
    }
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 8, "one look's evidence stands for another: {taken:?}");
    // And no look was taken that nobody recorded.
    let mut left = vec![0; 50 * TICKET];
    let read = kept.read(&mut left).unwrap();
    assert_eq!(read, (50 - taken.len()) * TICKET);
    let [one, two] = pair.replicas;
    two.service.stop();
    one.service.stop().assert_log_holds();
}
