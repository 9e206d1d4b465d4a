//! A command for the shell of another host: one argument on each line. What the shell reads is what
//! was written. And what another host prints: whatever it is, only its own marks count.

use tagout::exec::Captured;
use tagout::exec::remote::line::{decode, encode};
use tagout::exec::remote::marks::Marks;

pub fn fuzz(text: &str) {
    let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let line = encode(&words);
    assert_eq!(decode(&line).as_ref(), Some(&words));
    let _ = decode(text);

    let marks = Marks::of("0f");
    let total = text.len() as u64;
    let mut printed = Captured { head: text.into(), total, ..Captured::default() };
    let said = marks.take(&mut printed);
    assert!(said.began || (said.ended.is_none() && printed.head == text.as_bytes()));
    assert!(printed.total <= total);
}
