//! Steps that take secrets and are held to sandboxes, with real processes: what they wrote tells what
//! they were given and what they could touch.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::home::Home;
use super::service::{Service, call, configuration};
use super::stage::{LIVE, Stage};

/// One page that takes what it may, two that take what they may not, and one that demands nothing of
/// its own.
const PAGE: &str = r#"---
id: ID
symptoms: [The database of the host is full.]
match: {alert_names: [ID]}
risk: low
reversible: true
target: "{{host}}"
timeout: 30s
parameters:
  host: {description: The host., from: labels.instance, pattern: '[a-z0-9-]+'}
steps:
  - {id: take, kind: action, title: Take them, command: [take, "{{host}}"], DEMANDS}
---
# The database is full
"#;

/// Writes what it was given, tries to write beside it, and prints it in several ways.
const TAKE: &str = r#"#!/bin/sh
printf '%s' "$PASSWORD" >"$OUT/in/password"
[ -n "$TOKEN_FILE" ] && cat "$TOKEN_FILE" >"$OUT/in/token"
tr '\0' ' ' </proc/self/cmdline >"$OUT/in/arguments"
echo "it is $PASSWORD" && printf '%s' "$PASSWORD" | base64
[ -n "$TOKEN_FILE" ] && cat "$TOKEN_FILE" >&2
echo x >"$OUT/out/file"
echo x >"$BESIDE/file"
echo "that was all"
"#;

const PASSWORD: &str = "a-password-for-the-database";
const TOKEN: &str = "a-token-that-a-program-prints";

struct Place {
    home: Home,
    beside: tempfile::TempDir,
}

fn script(home: &Home, name: &str, text: &str) -> std::path::PathBuf {
    let program = home.write(name, text);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// A home with these pages, each with what its step demands. The program may write the home alone, and
/// with the sandbox `narrow` one directory of it.
fn place(pages: &[(&str, &str)]) -> Place {
    let (home, beside) = (Home::new(), tempfile::tempdir().unwrap());
    for (id, demands) in pages {
        let page = PAGE.replace("ID", id).replace("DEMANDS", demands);
        home.write(&format!("book/{id}.md"), page);
    }
    home.write("policy.toml", format!("{}{LIVE}", super::home::POLICY));
    let take = script(&home, "bin/take", TAKE);
    let vault =
        script(&home, "bin/vault", &format!("#!/bin/sh\n[ \"$1\" = read ] && echo {TOKEN}\n"));
    let password = home.write("password", PASSWORD);
    for directory in ["in", "out"] {
        fs::create_dir_all(home.path("counts").join(directory)).unwrap();
    }
    let (out, own) = (home.path("counts"), home.path("bin"));
    let execution = format!(
        "[execution]\nenvironment = [\"OUT\", \"BESIDE\", \"PATH\"]\nweak_containment = true\n\
         grace = \"1s\"\n\
         [execution.programs]\ntake = {{ path = {take:?}, sandbox = \"wide\" }}\n\
         [execution.sandboxes.wide]\nread = [\"/proc\", {own:?}]\nexecute = [\"/bin\", \"/usr/bin\"]\n\
         write = [{out:?}]\n\
         [execution.sandboxes.narrow]\nread = [\"/proc\", {own:?}]\n\
         execute = [\"/bin\", \"/usr/bin\"]\nwrite = [{:?}]\n\
         [execution.secrets.password]\nfrom = {{ file = {password:?} }}\nvariable = \"PASSWORD\"\n\
         programs = [\"take\"]\nrunbooks = [\"may-*\"]\n\
         [execution.secrets.token]\ncommand = [{vault:?}, \"read\"]\ndescriptor = \"TOKEN_FILE\"\n\
         programs = [\"take\"]\nrunbooks = [\"may-take\"]\n",
        out.join("in")
    );
    let text = format!("mode = \"live\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    Place { home, beside }
}

fn live(Place { home, beside }: Place, pages: &[(&str, &str)]) -> (Stage, tempfile::TempDir) {
    let (out, over) = (home.path("counts"), beside.path().to_owned());
    let call = call(&home).env("OUT", out.to_str().unwrap()).env("BESIDE", over.to_str().unwrap());
    let stage = Stage::with(Service::of(home, call));
    for (id, _) in pages {
        stage.admit(id).is(200);
    }
    stage.release();
    (stage, beside)
}

#[test]
fn a_step_gets_its_secrets_touches_what_both_sandboxes_let_and_none_of_them_is_in_the_log() {
    let pages =
        [("may-take", "secrets: [password, token], sandbox: narrow"), ("may-run", "sandbox: wide")];
    let (stage, beside) = live(place(&pages), &pages);
    let incident = stage.alert("may-take", "host-1", "0");
    let narrow = stage.plan(&incident)["steps"][0].clone();
    assert_eq!(narrow["secrets"][0]["handed"]["variable"], "PASSWORD", "{narrow}");
    assert_eq!(narrow["sandboxes"][0]["name"], "wide");
    assert_eq!(narrow["sandboxes"][0]["forced"], true);
    assert_eq!(narrow["sandboxes"][1]["name"], "narrow");
    stage.wait("the end", || ["completed", "failed"].contains(&&*stage.state(&incident)));
    let ends = |incident: &str| {
        let trail = stage.service.home.trail();
        let end = trail
            .iter()
            .find(|line| line["incident"] == incident && line["event"]["kind"] == "step_finished");
        end.unwrap()["event"]["data"].clone()
    };
    let end = ends(&incident);
    let out = stage.service.home.path("counts");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    if end["output"].to_string().contains("not fully enforced") {
        println!("NOT RUN: this kernel does not enforce the sandbox");
        assert_eq!(read("in/password"), "");
        return;
    }
    assert_eq!(end["outcome"], "succeeded", "{end}");
    assert_eq!(end["ended"]["sandbox"], "fully enforced");
    assert_eq!((&*read("in/password"), &*read("in/token")), (PASSWORD, TOKEN));
    assert_eq!(read("in/arguments").split_whitespace().next_back(), Some("host-1"));
    assert!(!out.join("out/file").exists(), "the page's own sandbox does not let it");
    assert!(!beside.path().join("file").exists(), "the program's sandbox does not let it");
    // What the page does not add does not go away, and what it leaves out does not either.
    let second = stage.alert("may-run", "host-2", "0");
    stage.until(&second, "completed");
    assert!(out.join("out/file").exists() && !beside.path().join("file").exists());
    let output = end["output"].to_string();
    assert!(output.contains("it is [redacted]") && output.contains("that was all"), "{output}");
    let trail = serde_json::to_string(&stage.service.home.trail()).unwrap();
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    for text in [PASSWORD, TOKEN, "YS1wYXNzd29yZC1mb3ItdGhl"] {
        assert!(!trail.contains(text) && !page.contains(text), "{text}");
    }
    assert!(page.contains("password in PASSWORD") && page.contains("narrow: reads"), "{page}");
    assert!(page.contains("sandbox fully enforced"), "{page}");
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_step_that_demands_what_it_is_not_given_is_a_dry_run_and_a_change_starts_nothing() {
    let pages = [
        ("other", "secrets: [password]"),
        ("may-other", "secrets: [token]"),
        ("unknown", "sandbox: none"),
    ];
    let (stage, _beside) = live(place(&pages), &pages);
    for (id, why) in [
        ("other", "secret \"password\" is not for runbook \"other\""),
        ("may-other", "secret \"token\" is not for runbook \"may-other\""),
        ("unknown", "no sandbox is named \"none\""),
    ] {
        let standing = stage.admission(id)["in_the_way"].to_string().replace("\\\"", "\"");
        assert!(standing.contains(why), "{standing}");
        let incident = stage.alert(id, "host-1", "0");
        stage.until(&incident, "rehearsed");
    }
    assert_eq!(stage.service.home.count("step_started"), 0);
    assert!(!stage.service.home.path("counts/in/password").exists());
    let check = stage.service.home.tagout(&["config", "check"]);
    let check = super::service::with_secrets(check).done().ok().stdout;
    for words in [
        "may hand secret token to take in a file that TOKEN_FILE names, where runbooks say so: may-take",
        ", in sandbox wide",
        "sandbox narrow: reads",
    ] {
        assert!(check.contains(words), "{check}");
    }
    assert!(!check.contains(PASSWORD) && !check.contains(TOKEN));
}
