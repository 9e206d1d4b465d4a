//! Redaction as its description says it, on a whole text and without a thought of speed. What the
//! streaming one is held against, here and by the fuzzer.

/// Takes the secrets out of a text.
pub(crate) fn redact(secrets: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let readings =
        [plain(text), unbroken(text), percent(text, false), percent(text, true), json(text)];
    let mut covered = vec![false; text.len()];
    for pattern in secrets.iter().flat_map(|secret| forms(secret)) {
        for reading in &readings {
            for window in reading.windows(pattern.len()) {
                if window.iter().map(|piece| piece.0).eq(pattern.iter().copied()) {
                    let (first, last) = (window[0], window[window.len() - 1]);
                    covered[first.1..last.2].fill(true);
                }
            }
        }
    }
    let mut out = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        if !covered[at] {
            out.push(*byte);
        } else if at == 0 || !covered[at - 1] {
            out.extend_from_slice(b"[redacted]");
        }
    }
    out
}

/// A byte, and from where to where in the text what stands for it goes.
type Piece = (u8, usize, usize);

fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![secret.to_vec()];
    if secret.contains(&b'\n') || secret.contains(&b'\r') {
        let lines = secret.split(|byte| b"\r\n".contains(byte));
        parts.extend(lines.filter(|line| line.len() >= 8).map(<[u8]>::to_vec));
    }
    let mut all = Vec::new();
    for part in parts {
        for alphabet in ["+/", "-_"] {
            for before in 0..3 {
                all.extend(base64(&part, before, alphabet.as_bytes()));
            }
        }
        all.push(part);
    }
    all
}

/// The characters that stand for a part behind so many unknown bytes: those that follow from it
/// alone, and those besides if nothing comes after it.
fn base64(part: &[u8], before: usize, last_two: &[u8]) -> [Vec<u8>; 2] {
    let mut alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').collect();
    alphabet.extend_from_slice(last_two);
    // None before the part, and nothing in it behind its end.
    let bit = |n: usize| {
        let byte = (n / 8).checked_sub(before)?;
        Some(part.get(byte).map(|byte| byte >> (7 - n % 8) & 1))
    };
    let (mut sure, mut ending) = (Vec::new(), Vec::new());
    for character in 0..=(before + part.len()) * 8 / 6 {
        let bits: Vec<_> = (0..6).map(|n| bit(character * 6 + n)).collect();
        if bits.iter().any(Option::is_none) || bits[0] == Some(None) {
            continue;
        }
        let value = bits.iter().fold(0, |value, bit| value << 1 | bit.flatten().unwrap_or(0));
        if bits.iter().all(|bit| bit.flatten().is_some()) {
            sure.push(alphabet[usize::from(value)]);
        }
        ending.push(alphabet[usize::from(value)]);
    }
    [sure, ending]
}

fn plain(text: &[u8]) -> Vec<Piece> {
    text.iter().enumerate().map(|(at, byte)| (*byte, at, at + 1)).collect()
}

fn unbroken(text: &[u8]) -> Vec<Piece> {
    let is_break = |at: &usize| b"\r\n".contains(&text[*at]);
    let run = |at: usize| (0..=at).rev().take_while(is_break).count();
    plain(text).into_iter().filter(|piece| !(1..=2).contains(&run(piece.1))).collect()
}

fn percent(text: &[u8], plus_is_space: bool) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
        match (text[at], digits) {
            (b'%', Some(digits)) => {
                pieces.push((u8::from_str_radix(digits, 16).unwrap(), at, at + 3));
                at += 3;
            }
            (byte, _) => {
                let byte = if byte == b'+' && plus_is_space { b' ' } else { byte };
                pieces.push((byte, at, at + 1));
                at += 1;
            }
        }
    }
    pieces
}

fn json(text: &[u8]) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < text.len() {
        // The longest escape is a pair of surrogates.
        let escape = [12, 6, 2].into_iter().find_map(|length| {
            let escape = text.get(at..at + length)?;
            if escape[0] != b'\\' || (length > 2 && escape[1] != b'u') {
                return None;
            }
            let escape = std::str::from_utf8(escape).ok()?;
            let read: String = serde_json::from_str(&format!("\"{escape}\"")).ok()?;
            (read.chars().count() == 1).then_some((length, read))
        });
        let (length, bytes) =
            escape.map_or((1, vec![text[at]]), |(l, read)| (l, read.into_bytes()));
        pieces.extend(bytes.into_iter().map(|byte| (byte, at, at + length)));
        at += length;
    }
    pieces
}
