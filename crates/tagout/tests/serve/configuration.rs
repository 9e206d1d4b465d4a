//! The configuration by file and by environment.

use std::os::unix::fs::PermissionsExt as _;

use tagout::config::{ANNOTATED, ServerConfig, SessionConfig, environment};
use tagout_core::limits;

use super::home::{Call, Home, Out};
use super::service::{Service, call, configuration, with_secrets};

fn check(home: &Home) -> Call {
    with_secrets(home.tagout(&["config", "check"]))
}

fn home(server: &str, rest: &str) -> Home {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", configuration(server, rest));
    home
}

#[test]
fn nothing_beyond_this_machine_is_reached_unless_it_is_said() {
    assert!(ServerConfig::default().is_local());
    let home = Home::new();
    home.configure();
    let out = home.tagout(&["config", "check"]).done().ok();
    assert!(out.stdout.contains("listens on 127.0.0.1:9480; this machine alone"), "{out:?}");
    let out = home.tagout(&["config", "check"]).env("TAGOUT_SERVER_LISTEN", "0.0.0.0:80");
    let out = out.done().ok();
    assert!(out.stdout.contains("others reach it"), "{out:?}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let home = home("max_body_bytes = 2048", "");
    let out = check(&home).env("TAGOUT_SERVER_MAX_BODY_BYTES", "4096").done().ok();
    assert!(out.stdout.contains("bodies up to 4096 bytes"), "{out:?}");
    let call = call(&home).env("TAGOUT_SERVER_LISTEN", "[::1]:0");
    let service = Service::of(home, call);
    assert!(service.address.starts_with("[::1]:"), "{}", service.address);
    service.get("/livez").is(200);
}

#[test]
fn a_variable_that_looks_like_a_setting_and_is_none_is_an_error() {
    let home = home("", "");
    let slip = check(&home).env("TAGOUT_SERVER_LISTEN_ON", "127.0.0.1:1").done();
    slip.exits(2).names(&["TAGOUT_SERVER_LISTEN_ON", "TAGOUT_SERVER_LISTEN,"]);
    let wrong = check(&home).env("TAGOUT_SERVER_QUEUE", "many").done();
    wrong.exits(2).names(&["TAGOUT_SERVER_QUEUE", "many"]);
    let wrong = check(&home).env("TAGOUT_TELEMETRY_LOG_FORMAT", "xml").done();
    wrong.exits(2).names(&["TAGOUT_TELEMETRY_LOG_FORMAT", "text"]);
    // What Kubernetes sets for services named `tagout` and `tagout-server`.
    let cluster = check(&home)
        .env("TAGOUT_SERVICE_HOST", "10.0.0.1")
        .env("TAGOUT_PORT_9480_TCP_ADDR", "10.0.0.1")
        .env("TAGOUT_SERVER_SERVICE_HOST", "10.0.0.1")
        .env("TAGOUT_SERVER_PORT", "tcp://10.0.0.1:9480");
    cluster.done().ok();
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_place() {
    for (server, rest, names) in [
        ("listne = 1", "", ["tagout.toml", "line 5", "listne"]),
        ("", "[telemetry]\ncolour = 1", ["tagout.toml", "line 19", "colour"]),
        ("", "[[source]]\nname = \"x\"\nkind = \"pigeon\"", ["tagout.toml", "line 20", "pigeon"]),
    ] {
        let home = home(server, rest);
        let out = call(&home).done().exits(2).names(&names);
        assert_eq!(out.stdout, "");
        assert!(!home.database().exists(), "something was written");
    }
}

#[test]
fn a_secret_that_is_written_into_the_file_is_refused_and_not_shown() {
    let swap = |from: &str, to: &str| {
        let home = Home::new();
        home.write("state/tagout/tagout.toml", configuration("", "").replace(from, to));
        call(&home).done().exits(2)
    };
    for written in ["\"opensesame-opensesame\"", "{ text = \"opensesame-opensesame\" }"] {
        for from in ["{ env = \"READERS\" }", "{ env = \"AM_SECRET\" }"] {
            let out = swap(from, written).names(&["never stands in the configuration"]);
            assert!(!out.stderr.contains("opensesame"), "{out:?}");
        }
    }
}

#[test]
fn a_secret_that_is_not_there_or_too_short_stops_the_start() {
    let start = |readers: &str| -> Out {
        let home = home("", "");
        let out = call(&home).env("READERS", readers).done();
        assert!(!home.database().exists(), "something was written");
        out
    };
    let short = "x".repeat(limits::API_TOKEN_BYTES - 1);
    let out = start(&short).exits(2).names(&["api.tokens", "shorter"]);
    assert!(!out.stderr.contains(&short), "{out:?}");
    start("").exits(2).names(&["READERS", "empty"]);
    let without = home("", "");
    call(&without).without_env("AM_SECRET").done().exits(2).names(&["am", "AM_SECRET", "not set"]);
    let just = "x".repeat(limits::API_TOKEN_BYTES);
    check(&home("", "")).env("READERS", &just).done().ok();
}

#[test]
fn a_secret_in_a_file_is_read_relative_to_the_configuration_and_told_of_if_others_can_read_it() {
    let home = Home::new();
    let text = configuration("", "").replace("{ env = \"READERS\" }", "{ file = \"readers\" }");
    home.write("elsewhere/tagout.toml", text);
    let secret = home.write("elsewhere/readers", format!("{}\n", super::service::TOKEN));
    let is_open_to = |mode| {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    is_open_to(0o644);
    let call = with_secrets(home.tagout(&["serve", "--config", "elsewhere/tagout.toml"]))
        .env("TAGOUT_RUNBOOKS", "book")
        .env("TAGOUT_POLICY", "policy.toml");
    let service = Service::of(home, call);
    service.read("/v1/incidents").is(200);
    let warning = "elsewhere/readers is open to everybody";
    assert!(service.told().contains(warning), "{}", service.told());
    let home = service.stop();
    let text = std::fs::read_to_string(home.path("elsewhere/tagout.toml")).unwrap();
    home.write(
        "state/tagout/tagout.toml",
        text.replace("\"readers\"", "\"../../elsewhere/readers\""),
    );
    assert!(check(&home).done().ok().stdout.contains(warning));
    is_open_to(0o600);
    assert!(!check(&home).done().ok().stdout.contains("is open to"));
}

#[test]
fn each_limit_of_the_server_is_accepted_and_refused_one_past_it() {
    let home = home("", "");
    let most = |name: &str, least: u64, most: u64| {
        for (value, good) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
            let call = check(&home)
                .env("TAGOUT_SERVER_MAX_BODY_BYTES_IN_FLIGHT", &u32::MAX.to_string())
                .env(name, &value.to_string());
            let out = call.done();
            assert_eq!(out.code, if good { 0 } else { 2 }, "{name} {value}: {out:?}");
        }
    };
    most("TAGOUT_SERVER_QUEUE", 1, limits::QUEUE as u64);
    most("TAGOUT_SERVER_MAX_CONNECTIONS", 1, limits::CONNECTIONS as u64);
    most("TAGOUT_SERVER_MAX_BODY_BYTES", 1024, limits::SERVER_BODY_BYTES.into());
    for name in ["TAGOUT_SERVER_REQUEST_TIMEOUT", "TAGOUT_SERVER_SHUTDOWN_GRACE"] {
        for (value, code) in [("100ms", 0), ("99ms", 2), ("300s", 0), ("301s", 2), ("soon", 2)] {
            assert_eq!(check(&home).env(name, value).done().code, code, "{name} {value}");
        }
    }
    for (value, code) in [("0", 0), ("1", 0), ("1.01", 2), ("-0.1", 2), ("NaN", 2)] {
        let out = check(&home).env("TAGOUT_TELEMETRY_SAMPLE_RATIO", value).done();
        assert_eq!(out.code, code, "{value}: {out:?}");
    }
    for (value, code) in [("https://otel.example", 0), ("otel.example", 2), ("ftp://x", 2)] {
        let out = check(&home).env("TAGOUT_TELEMETRY_OTLP_ENDPOINT", value).done();
        assert_eq!(out.code, code, "{value}: {out:?}");
    }
    let out = check(&home).env("TAGOUT_TELEMETRY_OTLP_ENDPOINT", "http://a:opensesame@x").done();
    assert!(out.code == 2 && !out.stderr.contains("opensesame"), "{out:?}");
}

#[test]
fn sources_and_tokens_have_a_limit_and_names_are_taken_once() {
    let source = |name: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\nkind = \"native\"\nauth = \"bearer\"\n\
             secrets = [{{ env = \"OWN_SECRET\" }}]\n"
        )
    };
    // Two are there already.
    let many = |count: usize| (2..count).map(|n| source(&format!("s-{n}"))).collect::<String>();
    check(&home("", &many(limits::SOURCES))).done().ok();
    check(&home("", &many(limits::SOURCES + 1))).done().exits(2).names(&["sources"]);
    check(&home("", &source("am"))).done().exits(2).names(&["two sources", "am"]);
    let tokens = |count: usize| {
        let list = vec!["{ env = \"READERS\" }"; count].join(", ");
        let home = Home::new();
        let text = configuration("", "").replace("{ env = \"READERS\" }", &list);
        home.write("state/tagout/tagout.toml", text);
        check(&home).done()
    };
    tokens(limits::API_TOKENS).ok();
    tokens(limits::API_TOKENS + 1).exits(2).names(&["api.tokens"]);
}

/// The annotated file with every key that is commented out enabled.
fn enabled() -> String {
    let is_key = |line: &str| {
        line.starts_with('[')
            || line.split_once(" = ").is_some_and(|(key, _)| {
                !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            })
    };
    let lines = ANNOTATED.lines().map(|line| match line.strip_prefix("# ") {
        Some(key) if is_key(key) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_annotated_file_is_true_key_by_key() {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", enabled());
    home.write("state/tagout/runbooks/cache.md", super::home::CACHE);
    home.write("state/tagout/policy.toml", super::home::POLICY);
    home.write("state/tagout/api-token", "a-token-in-a-file");
    let check = home.tagout(&["config", "check"]);
    let check = check.env("TAGOUT_API_TOKEN", "a-token-in-the-environment");
    let whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let check = check.env("TAGOUT_WEBHOOK_SECRET", whsec).env("TAGOUT_CHECKPOINT_SECRET", whsec);
    let check = check.env("TAGOUT_DATABASE_URL", "postgres://tagout:s3cret@db.example/tagout");
    let out = check.env("ALERTMANAGER_TOKEN", "sesame").done().ok();
    assert!(!out.stdout.contains("s3cret"), "{out:?}");
    assert!(out.stdout.contains("any of 2 bearer tokens"), "{out:?}");
    assert!(out.stdout.contains("POST /v1/sources/alertmanager"), "{out:?}");

    // What is commented out is the default: with and without it, the same service.
    let table: toml::Table = enabled().parse().unwrap();
    let server: ServerConfig = table["server"].clone().try_into().unwrap();
    // Where people reach it, and through what, is nobody's default.
    let (public_url, proxies) = (server.public_url.clone(), server.proxies.clone());
    let defaults = ServerConfig { public_url, proxies, ..ServerConfig::default() };
    assert_eq!(server, defaults);
    let session: SessionConfig = table["session"].clone().try_into().unwrap();
    assert_eq!(session, SessionConfig::default());
}

#[test]
fn every_single_value_of_the_annotated_file_can_be_given_by_the_environment() {
    let table: toml::Table = enabled().parse().unwrap();
    let mut names = Vec::new();
    for (key, value) in &table {
        match value {
            toml::Value::Table(section) => {
                let single = section.iter().filter(|(_, value)| !value.is_array());
                names.extend(
                    single.map(|(inner, _)| format!("TAGOUT_{key}_{inner}").to_uppercase()),
                );
            }
            toml::Value::Array(_) => {}
            _ => names.push(format!("TAGOUT_{key}").to_uppercase()),
        }
    }
    // The section of a provider stands there as an example: nothing of it is a default.
    let provider = ["issuer", "client_id", "client_secret", "name_claim", "groups_claim"];
    names.extend(provider.map(|key| format!("TAGOUT_OIDC_{key}").to_uppercase()));
    names.sort();
    let mut settings: Vec<_> = environment::settings().map(str::to_owned).collect();
    settings.sort();
    assert_eq!(names, settings);
}

#[test]
fn a_secret_that_a_poll_names_may_be_called_like_a_setting_and_one_in_its_place_is_not_repeated() {
    let home = Home::new();
    let poll = |bearer: &str| {
        format!(
            "[[poll]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:9\"\n\
             bearer = {bearer}\n"
        )
    };
    home.write("state/tagout/tagout.toml", poll("{ env = \"TAGOUT_SERVER_POLL_TOKEN\" }"));
    let check = home.tagout(&["config", "check"]);
    check.env("TAGOUT_SERVER_POLL_TOKEN", "sesame").done().ok();
    home.write("state/tagout/tagout.toml", poll("\"open-sesame\""));
    let out = home.tagout(&["config", "check"]).done();
    assert!(!format!("{out:?}").contains("open-sesame"), "{out:?}");
    out.exits(2).names(&["bearer", "env and file"]);
}
