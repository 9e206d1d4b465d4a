use std::time::Instant;
#[test]
fn bench(){ for (n,t) in [("calm-words","Backup completed. ".repeat(3600)),("unknown","zebra apple ".repeat(5400)),("one-clause","is now again fully ".repeat(3400)),("a","a ".repeat(32000)),("camel","Ab".repeat(32000))]{ let s=Instant::now(); let r=tagout_core::calm::read("Backup",&t); println!("BENCH {n} {} bytes {:?} {}",t.len(),s.elapsed(),r.is_some()); } }
