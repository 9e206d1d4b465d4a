//! Prints the states of each setting, and for each seeded bug how it is found.

use std::time::Instant;

use tagout_sim::bug::Bug;
use tagout_sim::explore::explore;
use tagout_sim::noise;
use tagout_sim::noise_bug::NoiseBug;
use tagout_sim::seeded::Seeded;
use tagout_sim::setting::Setting;
use tagout_sim::system::Real;

fn main() {
    println!(
        "{:<36} {:>10} {:>12} {:>6} {:>10}",
        "setting", "states", "transitions", "depth", "seconds"
    );
    for setting in Setting::all() {
        let begun = Instant::now();
        let found = explore(&Real, &setting);
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{:<36} {:>10} {:>12} {:>6} {seconds:>10.1}",
            setting.name, found.states, found.transitions, found.depth
        );
        println!("    seen: {:?}", found.witnesses);
        if let Some((violation, way)) = found.broken {
            println!("    BROKEN {violation}");
            way.iter().for_each(|action| println!("        {action:?}"));
        }
    }
    for (starts, depth) in [(2, 4), (4, 5)] {
        let begun = Instant::now();
        let found = noise::explore(&noise::Real, starts, depth);
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{:<36} {:>10} {:>12} {depth:>6} {seconds:>10.1}",
            format!("three alerts, flapping from {starts}"),
            found.states,
            found.transitions
        );
        println!("    seen: {:?}", found.witnesses);
        if let Some((violation, way)) = found.broken {
            println!("    BROKEN {violation}");
            way.iter().for_each(|act| println!("        {act:?}"));
        }
    }
    println!(
        "\n{:<20} {:<8} {:>9} {:>6} {:>8}  found",
        "seeded bug", "in", "states", "steps", "refused"
    );
    for bug in Bug::ALL {
        for place in bug.places() {
            let found = explore(&Seeded { bug, place: *place }, &bug.setting());
            let steps = found.broken.as_ref().map_or(0, |(_, way)| way.len());
            let what = found.broken.map_or("no".to_owned(), |(violation, _)| violation.to_string());
            println!(
                "{:<20} {:<8} {:>9} {steps:>6} {:>8}  {what}",
                format!("{bug:?}"),
                format!("{place:?}"),
                found.states,
                found.refused
            );
        }
    }
    for bug in NoiseBug::ALL {
        let found = noise::explore(&bug, 4, 5);
        let steps = found.broken.as_ref().map_or(0, |(_, way)| way.len());
        let what = found.broken.map_or("no".to_owned(), |(violation, _)| violation.to_string());
        let bug = format!("{bug:?}");
        println!("{bug:<20} {:<8} {:>9} {steps:>6} {:>8}  {what}", "Intake", found.states, 0);
    }
}
