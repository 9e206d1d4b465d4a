//! What may be configured, and what is refused with what to do about it.

use super::service::with_secrets;
use super::world::{TOKEN, WHSEC, home};

/// What `config check` says of these sections.
fn check(rest: &str) -> super::home::Out {
    let home = home(&[], rest);
    let call = with_secrets(home.tagout(&["config", "check"]));
    call.env("WHSEC", WHSEC).env("CHANNEL", TOKEN).done()
}

const HOOK: &str = "[[channel]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://h.example/\"\n\
                    secrets = [{ env = \"WHSEC\" }]\n";

#[test]
fn what_is_configured_is_said_in_words() {
    let rota = "[[rota]]\nname = \"primary\"\nkind = \"static\"\npeople = [\"ana\", \"ben\"]\n\
                turn = \"7d\"\nstart = \"2026-11-02T08:00:00Z\"\n";
    let out = check(&format!("{HOOK}{rota}")).ok();
    assert!(out.stdout.contains("channel a"), "{out:?}");
    assert!(out.stdout.contains("rota primary"), "{out:?}");
    assert!(!out.stdout.contains(WHSEC) && !out.stdout.contains("h.example"), "{out:?}");
}

#[test]
fn a_slip_is_refused_with_what_to_do() {
    let slack = "[[channel]]\nname = \"s\"\nkind = \"slack\"\ntoken = { env = \"CHANNEL\" }\n";
    let mail = "[[channel]]\nname = \"m\"\nkind = \"email\"\nserver = \"mail.example.org\"\n";
    let rota = "[[rota]]\nname = \"r\"\nkind = \"static\"\n";
    for (rest, part) in [
        (format!("{HOOK}token = {{ env = \"CHANNEL\" }}\n"), "token is not for kind"),
        (HOOK.replace("https://h.example/", "ftp://h.example/"), "neither https nor http"),
        (HOOK.replace("https://h.example/", "https://u:p@h.example/"), "names a user"),
        (HOOK.replace("[{ env = \"WHSEC\" }]", "[\"whsec_AAAA\"]"), "never stands in the configuration"),
        (HOOK.replace("WHSEC", "CHANNEL"), "whsec_"),
        (HOOK.replace("name = \"a\"", "name = \"A b\""), "small letters"),
        (format!("{HOOK}{HOOK}"), "two channels are named"),
        (format!("{HOOK}audience = [\"x\"]\n"), "unknown field"),
        (slack.to_owned(), "conversation"),
        (format!("{slack}conversation = \"#ops\"\n"), "its id"),
        (format!("{slack}conversation = \"C1\"\npeople = {{ U1 = \"ana\" }}\n"), "signing secret"),
        (format!("{slack}conversation = \"C1\"\napprove_up_to = \"high\"\n"), "unknown variant"),
        (format!("{slack}conversation = \"C1\"\nurl = \"http://slack.example/\"\n"), "in the clear"),
        (mail.to_owned(), "from"),
        (format!("{mail}from = \"nobody\"\nto = [\"a@example.org\"]\n"), "no address"),
        (
            format!("{mail}from = \"a@example.org\"\nto = [\"a@example.org\"]\ntls = \"none\"\n"),
            "only for a server on this machine",
        ),
        ("[[channel]]\nname = \"h\"\nkind = \"heartbeat\"\nurl = \"https://h.example/\"\ninterval = \"1s\"\n".to_owned(), "interval"),
        (rota.to_owned(), "turn"),
        (format!("{rota}turn = \"7d\"\nstart = \"2026-11-02T08:00:00Z\"\n"), "somebody"),
        (format!("{rota}token = {{ env = \"CHANNEL\" }}\n"), "nothing else"),
        ("[[rota]]\nname = \"r\"\nkind = \"pagerduty\"\nschedule = \"P1\"\ntoken = { env = \"CHANNEL\" }\n".to_owned(), "users"),
    ] {
        check(&rest).exits(2).names(&[part]);
    }
}

#[test]
fn no_secret_of_a_channel_is_in_what_is_said() {
    let out = check(&HOOK.replace("[{ env = \"WHSEC\" }]", "[\"whsec_c2VjcmV0c2VjcmV0\"]"));
    assert!(!out.stderr.contains("c2VjcmV0"), "{out:?}");
}
