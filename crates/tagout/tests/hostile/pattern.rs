//! What the patterns of the pages that ship accept, written once more by hand and without a regular
//! expression. A pattern that is new has to be added here before its page ships.

use tagout_core::parameter::Parameter;

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn of(text: &str, others: &str, plain: fn(char) -> bool) -> bool {
    text.chars().all(|c| plain(c) || others.contains(c))
}

/// `text` without `:` and one to five digits at its end.
fn without_port(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((host, port))
            if (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()) =>
        {
            host
        }
        _ => text,
    }
}

/// Whether it is of `others` and lower-case letters and digits, with one of the latter at each end.
fn framed(text: &str, others: &str, (least, most): (usize, usize)) -> bool {
    (least..=most).contains(&text.len())
        && of(text, others, lower)
        && text.starts_with(lower)
        && text.ends_with(lower)
}

fn begun(text: &str, first: fn(char) -> bool, rest: fn(char) -> bool, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.starts_with(first) && text.chars().skip(1).all(rest)
}

fn host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    let before_digit = text.split(|c: char| c.is_ascii_digit()).next().unwrap();
    let letters = |c: char| c.is_ascii_alphabetic() || c == '-';
    let numbered = before_digit.len() < text.len()
        && before_digit.chars().all(letters)
        && !before_digit.starts_with('-');
    let dotted = text.split_once('.').is_some_and(|(name, rest)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && of(name, "-", |c| c.is_ascii_alphanumeric())
            && !rest.is_empty()
    });
    text.starts_with(plain) && of(text, ".-", |c| c.is_ascii_alphanumeric()) && (numbered || dotted)
}

/// The value that the page's pattern makes of a raw one, if it accepts it.
fn by_pattern(pattern: &str, raw: &str) -> Option<String> {
    let whole = |fits: bool| fits.then(|| raw.to_owned());
    match pattern {
        "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?" => whole(framed(raw, "-", (1, 63))),
        "[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?" => whole(framed(raw, ".-", (1, 253))),
        "[a-z0-9][a-z0-9-]{0,54}[a-z0-9]" => whole(framed(raw, "-", (2, 56))),
        "[a-z_][a-z0-9_]{0,62}" => {
            whole(begun(raw, |c| c.is_ascii_lowercase() || c == '_', |c| lower(c) || c == '_', 63))
        }
        "[a-z][a-z0-9-]{0,62}" => {
            whole(begun(raw, |c| c.is_ascii_lowercase(), |c| lower(c) || c == '-', 63))
        }
        "[a-z][a-z0-9_-]{0,62}" => {
            whole(begun(raw, |c| c.is_ascii_lowercase(), |c| lower(c) || "_-".contains(c), 63))
        }
        "[A-Za-z0-9][A-Za-z0-9._-]{0,127}" => whole(begun(
            raw,
            |c| c.is_ascii_alphanumeric(),
            |c| c.is_ascii_alphanumeric() || "._-".contains(c),
            128,
        )),
        "/|(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+" => {
            let part = |part: &str| {
                part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                    && of(part, "._-", |c| c.is_ascii_alphanumeric())
            };
            let below = raw.strip_prefix('/');
            whole(raw == "/" || below.is_some_and(|below| below.split('/').all(part)))
        }
        "([A-Za-z0-9][A-Za-z0-9.-]*)(?::[0-9]{1,5})?" => {
            let name = without_port(raw);
            let fits = name.starts_with(|c: char| c.is_ascii_alphanumeric());
            (fits && of(name, ".-", |c| c.is_ascii_alphanumeric())).then(|| name.to_owned())
        }
        "((?:[A-Za-z][A-Za-z-]*)?[0-9][A-Za-z0-9.-]*|[A-Za-z][A-Za-z0-9-]*\\.[A-Za-z0-9.-]+)(?::[0-9]{1,5})?" =>
        {
            let name = without_port(raw);
            host(name).then(|| name.to_owned())
        }
        "([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-[0-9]{5,10}" => {
            let (name, number) = raw.rsplit_once('-')?;
            let digits = number.bytes().all(|b| b.is_ascii_digit());
            let fits = digits && (5..=10).contains(&number.len());
            (fits && framed(name, "-", (1, usize::MAX))).then(|| name.to_owned())
        }
        "(?:https://)?([a-z0-9][a-z0-9-]*(?:\\.[a-z0-9][a-z0-9-]*)+)(?::[0-9]{1,5})?/?" => {
            let name = raw.strip_prefix("https://").unwrap_or(raw);
            let name = without_port(name.strip_suffix('/').unwrap_or(name));
            let part = |part: &str| part.starts_with(lower) && of(part, "-", lower);
            let fits = name.contains('.') && name.split('.').all(part);
            fits.then(|| name.to_owned())
        }
        other => panic!("the pattern {other} is not known here: write down what it accepts"),
    }
}

/// The value that a parameter makes of a raw one, if it accepts it.
pub(crate) fn accepted(parameter: &Parameter, raw: &str) -> Option<String> {
    if raw.is_empty() || raw.len() > 256 {
        return None;
    }
    match (&parameter.pattern, &parameter.values, parameter.min, parameter.max) {
        (Some(pattern), None, None, None) => by_pattern(pattern, raw),
        (None, Some(values), None, None) => values.iter().find(|value| *value == raw).cloned(),
        (None, None, Some(min), Some(max)) => {
            let number = raw.parse::<i64>().ok().filter(|n| (min..=max).contains(n))?;
            Some(number.to_string())
        }
        other => panic!("a limit that is not known here: {other:?}"),
    }
}

/// A value that nobody has anything against.
pub(crate) fn harmless(parameter: &Parameter) -> String {
    let known =
        ["web-1.example.org", "import-17000001", "/var/log", "web-1", "web_1", "web1", "42", "1"];
    let known = known.iter().map(|one| (*one).to_owned());
    let mut listed = known.chain(parameter.values.clone().unwrap_or_default());
    listed.find(|raw| accepted(parameter, raw).is_some()).unwrap()
}
