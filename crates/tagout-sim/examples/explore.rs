//! Prints how many states each setting has.
use std::time::Instant;
use tagout_sim::{explore::explore, setting::Setting, system::Real};

fn main() {
    for setting in Setting::all().into_iter().filter(|s| std::env::args().nth(1).is_none_or(|n| s.name.contains(&n))) {
        let start = Instant::now();
        let o = explore(&Real, &setting);
        println!("{}: {} states {} trans depth {} met {:?} refused {} {:?}", setting.name, o.states, o.transitions, o.depth, o.met, o.refused, start.elapsed());
        println!("  {:?}", o.witnesses);
        if let Some((v, way)) = o.broken { println!("  BROKEN {v}"); for a in way { println!("    {a:?}"); } }
    }
}
