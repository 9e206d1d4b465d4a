//! What may be written about signing in, and what `tagout config check` says of it.

use tagout_core::limits;

use super::home::{Home, Out};
use super::service::{configuration, with_secrets};

fn check(server: &str, rest: &str) -> Out {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", configuration(server, rest));
    with_secrets(home.tagout(&["config", "check"])).env("OIDC_SECRET", "sesame").done()
}

const URL: &str = "public_url = \"https://tagout.example\"";

fn provider(issuer: &str, more: &str) -> String {
    format!("[oidc]\nissuer = \"{issuer}\"\nclient_id = \"tagout\"\n{more}")
}

#[test]
fn it_is_said_how_people_come_in() {
    let told = check("", "").ok().stdout;
    assert!(told.contains("people sign in from this machine alone"), "{told}");
    assert!(told.contains("signed in for 8h without use, and for 1d at most"), "{told}");
    assert!(told.contains("no identity provider"), "{told}");
    let roles = "roles = { sre = \"approver\" }\n";
    let told = check(URL, &provider("https://id.example", roles)).ok().stdout;
    assert!(told.contains("https://tagout.example; their cookies go over TLS alone"), "{told}");
    assert!(told.contains("at https://id.example members sign in of: sre as approver"), "{told}");
    let told = check("public_url = \"http://tagout.example\"", "").ok().stdout;
    assert!(told.contains("without TLS"), "{told}");
}

#[test]
fn a_provider_can_be_given_by_the_environment_alone_and_its_secret_is_not_repeated() {
    let with = |file: &str, more: &[(&str, &str)]| {
        let home = Home::new();
        home.write("state/tagout/tagout.toml", configuration(URL, file));
        let call = with_secrets(home.tagout(&["config", "check"])).env("OIDC_SECRET", "sesame");
        more.iter().fold(call, |call, (name, value)| call.env(name, value)).done()
    };
    let issuer = ("TAGOUT_OIDC_ISSUER", "https://id.example");
    let secret = ("TAGOUT_OIDC_CLIENT_SECRET", "open-sesame");
    let told = with("", &[issuer, ("TAGOUT_OIDC_CLIENT_ID", "tagout"), secret]).ok().stdout;
    assert!(told.contains("https://id.example") && !told.contains("open-sesame"), "{told}");
    // It wins over the file, and keeps what it does not name.
    let file = provider("https://old.example", "roles = { sre = \"approver\" }\n");
    let told = with(&file, &[issuer]).ok().stdout;
    assert!(told.contains("at https://id.example members sign in of: sre"), "{told}");
    let half = with("", &[secret]);
    assert!(!format!("{half:?}").contains("open-sesame"), "{half:?}");
    half.exits(2).names(&["oidc.issuer"]);
    with("", &[("TAGOUT_OIDC_ISUER", "x")]).exits(2).names(&["TAGOUT_OIDC_ISUER"]);
}

#[test]
fn an_address_that_is_none_is_refused() {
    for wrong in [
        "tagout.example",
        "ftp://tagout.example",
        "https://tagout.example/path",
        "https://u@t.example",
        "https://",
    ] {
        check(&format!("public_url = \"{wrong}\""), "").exits(2).names(&["public_url"]);
    }
    check("public_url = \"https://tagout.example:8443/\"", "").ok();
    let proxies = |n: usize| {
        let all: Vec<_> = (0..n).map(|n| format!("\"10.0.0.{n}\"")).collect();
        check(&format!("proxies = [{}]", all.join(",")), "")
    };
    proxies(limits::PROXIES).ok();
    proxies(limits::PROXIES + 1).exits(2).names(&["server.proxies"]);
    check("proxies = [\"somewhere\"]", "").exits(2);
}

#[test]
fn a_session_has_a_shortest_and_a_longest_lifetime() {
    let session = |idle: &str, lifetime: &str| {
        check("", &format!("[session]\nidle = \"{idle}\"\nlifetime = \"{lifetime}\""))
    };
    session("60s", "60s").ok();
    session("59s", "60s").exits(2).names(&["session.idle"]);
    session("90d", "90d").ok();
    session("1h", "90d 1s").exits(2).names(&["session.lifetime"]);
    session("2h", "1h").exits(2).names(&["longer"]);
}

#[test]
fn a_provider_that_is_written_wrongly_is_refused() {
    check(URL, &provider("https://id.example", "client_secret = { env = \"OIDC_SECRET\" }")).ok();
    check("", &provider("https://id.example", "")).exits(2).names(&["public_url"]);
    for issuer in ["http://id.example", "id.example", "https://id.example?x", "ftp://127.0.0.1"] {
        check(URL, &provider(issuer, "")).exits(2).names(&["oidc.issuer"]);
    }
    check(URL, &provider("http://127.0.0.1:9", "")).ok();
    check(URL, &provider("https://id.example", "roles = { sre = \"root\" }")).exits(2);
    check(URL, &provider("https://id.example", "scopes = [\"a b\"]")).exits(2).names(&["scopes"]);
    let missing = "client_secret = { env = \"NOT_THERE\" }";
    check(URL, &provider("https://id.example", missing)).exits(2).names(&["NOT_THERE"]);
    let plain = "client_secret = \"hunter2\"";
    let out = check(URL, &provider("https://id.example", plain)).exits(2);
    assert!(!out.stderr.contains("hunter2"), "{out:?}");
    let groups = |n: usize| {
        let all: Vec<_> = (0..n).map(|n| format!("\"g{n}\"")).collect();
        check(URL, &provider("https://id.example", &format!("groups = [{}]", all.join(","))))
    };
    groups(limits::GROUPS_PER_PERSON).ok();
    groups(limits::GROUPS_PER_PERSON + 1).exits(2).names(&["oidc.groups"]);
}
