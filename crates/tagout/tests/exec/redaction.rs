//! Redaction in a stream: the same as on the whole text, wherever the pieces begin and end, and no
//! form of a secret gets through.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use tagout::exec::redact::{MARK, Redactions, Unredactable};
use tagout::source::Secret;
use tagout_core::limits;

use crate::reference;

/// Takes secrets out of a text that comes in pieces of these sizes, over and over.
fn streamed(secrets: &[Vec<u8>], text: &[u8], sizes: &[usize]) -> Vec<u8> {
    let secrets: Vec<_> = secrets.iter().map(|s| Secret::new(s.clone()).unwrap()).collect();
    let mut redactor = Redactions::new(&secrets).unwrap().redactor();
    let (mut out, mut rest) = (Vec::new(), text);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        redactor.push(piece, &mut out);
        rest = after;
    }
    redactor.finish(&mut out);
    out
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn each_form_is_taken_out_and_what_is_around_it_stays() {
    let secret = b"pa/ss \"w\xc3\xb6rd\"+\\%41".to_vec();
    let word = String::from_utf8(secret.clone()).unwrap();
    let percent_all: String = secret.iter().map(|byte| format!("%{byte:02x}")).collect();
    let json_all: String = word.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    let form = form_urlencoded::byte_serialize(&secret).collect::<String>();
    let quoted = serde_json::to_string(&word).unwrap();
    let quoted = quoted.trim_matches('"');
    let base64 =
        [STANDARD.encode(&secret), URL_SAFE.encode(&secret).trim_end_matches('=').to_owned()];
    let all = [word.as_str(), &percent_all, &json_all, &form, quoted, &base64[0], &base64[1]];
    for form in all {
        let text = format!("before {form} after {form}{form}");
        for size in [1, 2, 3, 7, 1000] {
            let out = streamed(std::slice::from_ref(&secret), text.as_bytes(), &[size]);
            let out = String::from_utf8(out).unwrap();
            let expected = "before [redacted] after [redacted]";
            assert_eq!(out.trim_end_matches('='), expected, "{form}");
        }
    }
}

#[test]
fn base64_over_several_lines_is_taken_out() {
    let secret: Vec<u8> = (0..100).map(|n| b'a' + n % 26).collect();
    for line_break in ["\n", "\r\n"] {
        let encoded = STANDARD_NO_PAD.encode(&secret);
        let lines: Vec<_> = encoded.as_bytes().chunks(76).map(<[u8]>::to_vec).collect();
        let text = lines.join(line_break.as_bytes());
        assert_eq!(streamed(std::slice::from_ref(&secret), &text, &[5]), MARK);
    }
}

#[test]
fn a_key_of_several_lines_is_taken_out_line_by_line() {
    let key = b"-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEF\n-----END KEY-----".to_vec();
    let text = b"1: MIIEvQIBADANBgkq\n2: hkiG9w0BAQEF\n".to_vec();
    assert_eq!(streamed(&[key], &text, &[4]), b"1: [redacted]\n2: [redacted]\n");
}

#[test]
fn overlapping_secrets_leave_nothing_of_each_other() {
    let secrets = [b"abcdef".to_vec(), b"defghi".to_vec()];
    assert_eq!(streamed(&secrets, b"xabcdefghix", &[1]), b"x[redacted]x");
}

#[test]
fn a_secret_is_long_enough_at_the_limit_and_not_one_below() {
    let secret = |n| Secret::new(vec![b'x'; n]).unwrap();
    assert!(Redactions::new([&secret(limits::EXEC_SECRET_BYTES)]).is_ok());
    let short = Redactions::new([&secret(limits::EXEC_SECRET_BYTES - 1)]);
    assert!(matches!(short, Err(Unredactable::Short)));
}

#[test]
fn as_many_secrets_as_a_command_may_have_can_be_as_long_as_a_secret_may_be() {
    let long = |n: usize| -> Vec<u8> {
        let byte = |i: usize| b'!' + u8::try_from((i * 7 + i / 90 + n) % 90).unwrap();
        (0..limits::SECRET_BYTES).map(byte).collect()
    };
    let secrets: Vec<_> = (0..limits::EXEC_SECRETS).map(long).collect();
    let text = [b"<".to_vec(), secrets[3].clone(), b">".to_vec()].concat();
    assert_eq!(streamed(&secrets, &text, &[1000]), b"<[redacted]>");
}

#[test]
fn without_secrets_everything_goes_through_at_once() {
    let mut redactor = Redactions::new([]).unwrap().redactor();
    let mut out = Vec::new();
    redactor.push(b"as it is", &mut out);
    assert_eq!(out, b"as it is");
}

/// Bytes of few kinds, so that repetitions, overlaps and broken escapes are common.
fn odd_bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => prop::sample::select(b"ab%\\u0+ 4\"/n\n\rQd8".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, length)
}

fn secrets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let secret = odd_bytes(4..20).prop_filter("a secret ends before a line break", |secret| {
        Secret::new(secret.clone()).is_ok_and(|_| !matches!(secret.last(), Some(b'\n' | b'\r')))
    });
    prop::collection::vec(secret, 1..3)
}

#[derive(Debug, Clone)]
enum Part {
    Noise(Vec<u8>),
    Secret { form: usize, before: usize, after: usize },
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        odd_bytes(0..30).prop_map(Part::Noise),
        (0..FORMS, 0..4usize, 0..4usize).prop_map(|(form, before, after)| Part::Secret {
            form,
            before,
            after
        }),
    ];
    prop::collection::vec(part, 0..8)
}

const FORMS: usize = 8;

/// A secret within a longer text, as some program would write it.
fn written(secret: &[u8], form: usize, before: usize, after: usize) -> Vec<u8> {
    let inner = [&b"xyz"[..before.min(3)], secret, &b"zyx"[..after.min(3)]].concat();
    let json = |text: &str| serde_json::to_string(text).unwrap().into_bytes();
    match (form, std::str::from_utf8(&inner)) {
        (1, _) => STANDARD.encode(&inner).into_bytes(),
        (2, _) => URL_SAFE_NO_PAD.encode(&inner).into_bytes(),
        (3, _) => form_urlencoded::byte_serialize(&inner).collect::<String>().into_bytes(),
        (4, _) => inner.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect(),
        (5, Ok(text)) => json(text),
        (6, Ok(text)) => {
            text.encode_utf16().flat_map(|unit| format!("\\u{unit:04x}").into_bytes()).collect()
        }
        (7, _) => {
            let encoded = STANDARD.encode(&inner);
            let lines: Vec<_> = encoded.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
            lines.join(&b'\n')
        }
        _ => inner,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_is_redacted_as_the_whole_text_is_whatever_the_pieces(
        secrets in secrets(), parts in parts(), sizes in prop::collection::vec(1..40usize, 1..6),
    ) {
        let text: Vec<u8> = parts.iter().enumerate().flat_map(|(n, part)| match part {
            Part::Noise(bytes) => bytes.clone(),
            Part::Secret { form, before, after } => {
                written(&secrets[n % secrets.len()], *form, *before, *after)
            }
        }).collect();
        let expected = reference::redact(&secrets, &text);
        prop_assert_eq!(streamed(&secrets, &text, &sizes), expected);
    }

    #[test]
    fn no_form_of_a_secret_gets_through(
        secret in "[!-~]{4,24}", form in 0..FORMS, before in 0..4usize, after in 0..4usize,
        size in 1..40usize,
    ) {
        let secret = secret.into_bytes();
        prop_assume!(!contains(MARK, &secret));
        let text = [b"<<".to_vec(), written(&secret, form, before, after), b">>".to_vec()].concat();
        let out = streamed(std::slice::from_ref(&secret), &text, &[size]);
        prop_assert!(contains(&out, MARK), "{}", String::from_utf8_lossy(&out));
        // At most the characters at its edges that also hold bits of what is around it are left.
        prop_assert!(out.len() <= MARK.len() + 4 + 40, "{}", String::from_utf8_lossy(&out));
        for start in 0..=secret.len().saturating_sub(4) {
            let part = &secret[start..start + 4];
            let encoded = STANDARD_NO_PAD.encode(part);
            let around = contains(b"<<xyz", part) || contains(b"zyx>>", part);
            prop_assert!(around || !contains(&out, part) || contains(MARK, part));
            prop_assert!(!contains(&out, &encoded.as_bytes()[..5]) || form == 0);
        }
    }
}
