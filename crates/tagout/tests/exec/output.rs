//! What a command prints: drained to the end, bounded, counted.

use tagout::exec::End;
use tagout_core::limits::EXEC_OUTPUT_BYTES;

use crate::world::*;

const MOST: usize = EXEC_OUTPUT_BYTES.0 + EXEC_OUTPUT_BYTES.1;

#[test]
fn both_outputs_are_kept_apart() {
    let outcome = run("echo out; echo err >&2; echo more");
    assert_eq!(printed(&outcome), "out\nmore\n");
    assert_eq!(outcome.stderr.text(), "err\n");
}

#[test]
fn an_output_is_kept_whole_up_to_the_limit_and_one_byte_more_is_left_out() {
    let outcome = run(&format!("head -c {MOST} /dev/zero | tr '\\0' a"));
    assert_eq!(printed(&outcome).len(), MOST);
    assert!(!outcome.stdout.is_truncated());
    let outcome =
        run(&format!("printf first; head -c {} /dev/zero | tr '\\0' a; printf last", MOST - 8));
    assert_eq!((outcome.stdout.total, outcome.stdout.left_out()), (MOST as u64 + 1, 1));
    assert!(outcome.stdout.is_truncated());
    let text = printed(&outcome);
    assert!(text.starts_with("firsta") && text.ends_with("alast"));
    assert!(text.contains("1 of"));
}

#[test]
fn a_flood_is_drained_counted_and_does_not_hold_the_command() {
    let bytes = 20_000_000;
    let outcome = run(&format!("yes 0123456789 | head -c {bytes}; echo end"));
    assert_eq!(outcome.stdout.total, bytes + 4, "{:?}", outcome.end);
    assert!(outcome.stdout.tail.ends_with(b"end\n"));
    assert_eq!(outcome.stdout.head.len() + outcome.stdout.tail.len(), MOST);
}

#[test]
fn what_is_no_text_does_no_harm() {
    let outcome = run("printf '\\377\\000\\033[2J'; exit 1");
    assert_eq!(outcome.end, End::Exited { code: 1 });
    assert_eq!(outcome.stdout.head, b"\xff\x00\x1b[2J");
    assert_eq!(outcome.stdout.text(), "\u{fffd}\0\u{1b}[2J");
}

#[test]
fn a_closed_output_does_not_end_the_step() {
    let outcome = run("echo before; exec >&- 2>&-; sleep 0.3; exit 4");
    assert_eq!(outcome.end, End::Exited { code: 4 });
    assert_eq!(outcome.stdout.text(), "before\n");
}
