//! Text on a page: what others wrote, so that it can do nothing and hides nothing, and times.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use maud::{Escaper, Markup, PreEscaped, html};
use tagout_core::text::is_invisible;
use tagout_core::time::Time;

pub(super) use crate::clock::now;
use crate::terminal::story::distance;

/// Text from outside, on one line. What would turn the reading direction, hide something or
/// mean something to a terminal is shown as an escape; tags are shown as they were written.
pub(super) fn said(text: &str) -> Markup {
    html! { bdi { (visible(text, false)) } }
}

/// As [`said`], with its line breaks.
pub(super) fn said_lines(text: &str) -> Markup {
    html! { bdi.lines { (visible(text, true)) } }
}

fn visible(text: &str, lines: bool) -> Markup {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if lines => out.push('\n'),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "<span class=\"escape\">\\u{{{:x}}}</span>", u32::from(c));
            }
            c => drop(Escaper::new(&mut out).write_char(c)),
        }
    }
    PreEscaped(out)
}

/// The first `most` characters of a text, with a mark where it was cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// A time as it is and how far away it is. The distance follows the clock where there is
/// JavaScript.
pub(super) fn when(at: Time, now: Time) -> Markup {
    html! { (absolute(at, now)) ", " (relative(at, now)) }
}

/// A time as it stands in a document, which is read on another day.
pub(super) fn exact(at: Time) -> Markup {
    html! { time datetime=(at) { (utc(at).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) } }
}

/// A time alone.
pub(super) fn absolute(at: Time, now: Time) -> Markup {
    html! { time datetime=(at) { (clock(at, now)) } }
}

/// How far away a time is, alone.
pub(super) fn relative(at: Time, now: Time) -> Markup {
    html! { span.relative data-at=(at.millis()) { (distance(at, now)) } }
}

/// The time of day, with the date if it is not today's; always in UTC, and saying so.
fn clock(at: Time, now: Time) -> String {
    let (at, now) = (utc(at), utc(now));
    let format = if at.date() == now.date() {
        "%H:%M:%S UTC"
    } else if at.year() == now.year() {
        "%-d %b %H:%M UTC"
    } else {
        "%-d %b %Y %H:%M UTC"
    };
    at.strftime(format).to_string()
}

fn utc(time: Time) -> Zoned {
    Timestamp::from_millisecond(time.millis()).unwrap_or_default().to_zoned(TimeZone::UTC)
}

/// How many of something, in words.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text_whatever_it_holds() {
        let shown = said("<script>alert(1)</script>\u{202e}x\u{1b}[2J&\"").into_string();
        assert_eq!(
            shown,
            "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;<span class=\"escape\">\\u{202e}</span>x\
             <span class=\"escape\">\\u{1b}</span>[2J&amp;&quot;</bdi>"
        );
        assert_eq!(said("a\nb").into_string(), "<bdi>a b</bdi>");
        assert_eq!(said_lines("a\nb").into_string(), "<bdi class=\"lines\">a\nb</bdi>");
    }

    #[test]
    fn a_time_says_its_date_unless_it_is_todays_and_how_far_it_is() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let now = time("2026-11-27T03:12:05Z");
        for (at, absolute, relative) in [
            ("2026-11-27T03:12:00Z", "03:12:00 UTC", "5 s ago"),
            ("2026-11-27T03:20:35Z", "03:20:35 UTC", "in 8 min 30 s"),
            ("2026-11-26T23:10:00Z", "26 Nov 23:10 UTC", "4 h 2 min ago"),
            ("2025-01-02T00:00:00Z", "2 Jan 2025 00:00 UTC", "694 d 3 h ago"),
        ] {
            assert_eq!(clock(time(at), now), absolute);
            assert_eq!(distance(time(at), now), relative);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("größe", 3), "grö…");
        assert_eq!(cut("größe", 5), "größe");
    }
}
