//! The wall clock jumps while the steady one goes on, as when somebody sets it. Debian's
//! `faketime` puts it there: what it adds to the clock stands in a file and is read again.

use std::fs;

use super::faketime::library;
use super::home::Home;
use super::said::Said;
use super::service::{Service, call, configuration};

/// The jumps that the log tells of, in seconds.
fn jumps(home: &Home) -> Vec<i64> {
    let trail = home.trail();
    let jumps = trail.iter().filter(|line| line["event"]["kind"] == "clock_jumped");
    let jump = |line: &serde_json::Value| {
        let data = &line["event"]["data"];
        let seconds = data["by"].as_i64().unwrap() / 1000;
        if data["forward"] == true { seconds } else { -seconds }
    };
    jumps.map(jump).collect()
}

#[test]
fn a_clock_that_jumps_an_hour_each_way_is_recorded_and_nothing_is_lost() {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", configuration("", ""));
    let offset = home.write("offset", "+0\n");
    let call = call(&home)
        .env("LD_PRELOAD", library().to_str().unwrap())
        .env("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let service = Service::of(home, call);
    let mut said = Said::default();
    for (to, seen) in [("+0", 0), ("+3600", 1), ("+0", 2), ("-3600", 3), ("+0", 4)] {
        // Put in its place whole: it may be read at any moment.
        let new = service.home.write("offset.new", format!("{to}\n"));
        fs::rename(new, &offset).unwrap();
        // It sees that by itself, without a delivery.
        service.wait("the jump in the log", |service| {
            (jumps(&service.home).len() >= seen).then_some(())
        });
        for _ in 0..5 {
            assert!(said.send(&service), "refused because of the clock");
        }
        assert_eq!(service.ready().0, 200);
        assert_eq!(service.get("/livez").status, 200);
    }
    let home = service.stop();
    said.is_kept(&home);
    let seen = jumps(&home);
    let near = |jump: i64, of: i64| (jump - of).abs() < 60;
    let expected = [3600, -3600, -3600, 3600];
    assert!(
        seen.len() == 4 && seen.iter().zip(expected).all(|(jump, of)| near(*jump, of)),
        "{seen:?}"
    );
    // Time in the log never runs backwards.
    let at: Vec<String> =
        home.trail().iter().map(|line| line["at"].as_str().unwrap().to_owned()).collect();
    assert!(at.is_sorted(), "{at:?}");
}
