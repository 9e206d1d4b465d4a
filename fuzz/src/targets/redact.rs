//! An output with secrets in it: up to two secrets, how it is cut into pieces, and the text, with
//! bytes FF between them. What the stream gives is what the reference gives of the whole text.

#[path = "../../../crates/tagout/tests/exec/reference.rs"]
mod reference;

use tagout::exec::redact::Redactions;
use tagout::source::Secret;

pub fn fuzz(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == 0xff);
    let (Some(one), Some(two), Some(sizes), Some(text)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    // The reference takes its time.
    if one.len() > 64 || two.len() > 64 || text.len() > 2_048 {
        return;
    }
    let given = [one, two].into_iter().filter(|secret| !secret.is_empty());
    let Ok(secrets) = given.map(|s| Secret::new(s.to_vec())).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let Ok(redactions) = Redactions::new(&secrets) else { return };
    let (mut redactor, mut out, mut rest) = (redactions.redactor(), Vec::new(), text);
    let mut sizes = sizes.iter().map(|size| 1 + usize::from(*size) % 50).cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(7).min(rest.len()));
        redactor.push(piece, &mut out);
        rest = after;
    }
    redactor.finish(&mut out);
    // A secret does not end in line breaks; they were not part of it.
    let trimmed = |secret: &[u8]| {
        let end = secret.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
        secret[..end].to_vec()
    };
    let secrets: Vec<_> = [one, two].map(trimmed).into_iter().filter(|s| !s.is_empty()).collect();
    assert_eq!(out, reference::redact(&secrets, text));
}
