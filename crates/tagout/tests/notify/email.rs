//! Mail, against a real server: `aiosmtpd`, of Debian's package `python3-aiosmtpd`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tempfile::TempDir;

use super::home::Home;
use super::service::{Service, call};
use super::world::{PAGES, answer, home, recorded, stuck};

/// A server that writes every mail into a file of its own.
const SERVER: &str = r#"
import os, ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
where, port, cert, key = sys.argv[1:5]
refuse = os.path.join(where, "refuse")
class Keep:
    async def handle_DATA(self, server, session, envelope):
        if os.path.exists(refuse):
            return "451 4.3.0 come back later"
        name = os.path.join(where, f"{time.time_ns()}.mail")
        with open(name + ".part", "wb") as file:
            file.write(("RCPT " + ",".join(envelope.rcpt_tos) + "\n").encode())
            file.write(envelope.content)
        os.rename(name + ".part", name)
        return "250 2.0.0 taken"
def check(server, session, envelope, mechanism, data):
    known = (data.login, data.password) == (b"tagout", b"a-token-of-a-channel")
    return AuthResult(success=known, handled=known)
options = {}
if cert != "-":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    options = dict(tls_context=context, require_starttls=True, auth_required=True, authenticator=check)
controller = Controller(Keep(), hostname="127.0.0.1", port=int(port), **options)
controller.start()
time.sleep(3600)
"#;

struct Mailhost {
    server: Child,
    dir: TempDir,
    port: u16,
}

impl Drop for Mailhost {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

impl Mailhost {
    fn start(tls: Option<(&Path, &Path)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(dir.path().join("server.py"), SERVER).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.arg(dir.path().join("server.py")).arg(dir.path()).arg(port.to_string());
        match tls {
            Some((cert, key)) => command.args([cert, key]),
            None => command.args(["-", "-"]),
        };
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut one = Self { server: server.unwrap(), dir, port };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(one.dir.path().join("log")).unwrap();
            let ended = one.server.try_wait().unwrap();
            assert!(ended.is_none(), "it ended; is python3-aiosmtpd installed? {}", log());
            assert!(Instant::now() < end, "it does not start: {}", log());
            thread::sleep(Duration::from_millis(50));
        }
        one
    }

    fn refuse(&self, refuse: bool) {
        let path = self.dir.path().join("refuse");
        if refuse { fs::write(path, "").unwrap() } else { fs::remove_file(path).unwrap() }
    }

    fn mails(&self) -> Vec<String> {
        let mut paths: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "mail"))
            .collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    fn wait(&self, mails: usize) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let got = self.mails();
            if got.len() >= mails {
                return got;
            }
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap();
            assert!(Instant::now() < end, "waited in vain for a mail: {}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn header<'m>(mail: &'m str, name: &str) -> &'m str {
    let head = mail.split("\r\n\r\n").next().unwrap();
    let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name}: {head}"))
}

/// The text of the mail's first part.
fn text(mail: &str) -> String {
    let part = mail.split("Content-Type: text/plain").nth(1).unwrap();
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    let body = body.split("\r\n--").next().unwrap();
    if head.contains("base64") {
        let coded: String = body.split_whitespace().collect();
        return String::from_utf8(BASE64_STANDARD.decode(coded).unwrap()).unwrap();
    }
    body.replace("=\r\n", "").replace("=3D", "=")
}

fn channel(port: u16, rest: &str) -> String {
    format!(
        "[[channel]]\nname = \"mail\"\nkind = \"email\"\nserver = \"localhost:{port}\"\n\
         from = \"Tagout <tagout@example.org>\"\nto = [\"oncall@example.org\", \"Ana <ana@example.org>\"]\n\
         {rest}\n"
    )
}

#[test]
fn a_mail_says_what_waits_and_where_and_nobodys_absence_note_answers_it() {
    let host = Mailhost::start(None);
    let service = super::world::with(&channel(host.port, "tls = \"none\""));
    let id = stuck(&service, "critical", "mq-1");
    let mail = host.wait(1).remove(0);
    assert!(mail.starts_with("RCPT oncall@example.org,ana@example.org"), "{mail}");
    assert_eq!(header(&mail, "From"), "Tagout <tagout@example.org>");
    assert_eq!(header(&mail, "Auto-Submitted"), "auto-generated");
    assert!(header(&mail, "Subject").starts_with("Review requested: QueueStuck"), "{mail}");
    let message_id = header(&mail, "Message-ID").to_owned();
    assert!(message_id.starts_with("<ntc-") && message_id.ends_with("@example.org>"), "{mail}");
    let text = text(&mail);
    assert!(text.contains(&format!("{PAGES}/incidents/{id}")), "{text}");
    assert!(text.contains("queuectl --host mq-1 restart"), "{text}");
    assert!(mail.contains("text/html"), "{mail}");
    // What is asked is answered elsewhere: a mail has nothing that decides.
    for deciding in ["approve?", "reject?", "<form", "<script", "<img"] {
        assert!(!mail.contains(deciding), "{mail}");
    }

    answer(&service, "reject", &id);
    let decided = host.wait(2).remove(1);
    assert!(header(&decided, "Subject").starts_with("Rejected by ben"), "{decided}");
    assert_ne!(header(&decided, "Message-ID"), message_id);
    // Both belong to one conversation.
    assert_eq!(header(&decided, "References"), header(&mail, "References"));
}

#[test]
fn a_mail_that_comes_twice_is_one_mail() {
    let host = Mailhost::start(None);
    host.refuse(true);
    let service = super::world::with(&channel(host.port, "tls = \"none\""));
    let id = stuck(&service, "critical", "mq-1");
    let name = r#"tagout_notices_total{channel="mail",outcome="failed"}"#;
    service.wait("a refusal", |service| service.metric(name).filter(|n| *n >= 1.0));
    host.refuse(false);
    let mail = host.wait(1).remove(0);
    let delivered = recorded(&service, &id, "notice_delivered", 1).remove(0);
    assert!(delivered["attempts"].as_u64().unwrap() > 1, "{delivered}");
    assert!(header(&mail, "Message-ID").contains(delivered["notice"].as_str().unwrap()));
}

#[test]
fn text_from_outside_is_no_markup_in_a_mail() {
    let host = Mailhost::start(None);
    let service = super::world::with(&channel(host.port, "tls = \"none\""));
    let hostile = "<script>alert(1)</script>\r\nBcc: everybody@example.org\u{1b}[31m";
    let name = "<script>alert(1)</script>";
    let labels = serde_json::json!({"alertname": name, "environment": "test"});
    let alert = serde_json::json!({
        "title": name, "message": hostile, "severity": "critical", "labels": labels,
    });
    let taken = service.post("own", super::service::OWN_SECRET, alert.to_string()).is(200);
    assert_eq!(taken.json()["flawed"], 0, "it is about this alert that people are told");
    let mail = host.wait(1).remove(0);
    assert!(mail.contains("alert(1)"), "{mail}");
    let head = mail.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    // In plain text it is text.
    let html = mail.split_once("text/html").unwrap_or_else(|| panic!("{mail}")).1;
    assert!(html.contains("&lt;") && !html.contains("<script>"), "{mail}");
    assert!(!mail.contains('\u{1b}'), "{mail}");
}

/// A certificate for `localhost`, and the files that it stands in.
fn certificate(dir: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (cert, key)
}

fn serve_trusting(home: Home, cert: Option<&Path>) -> Service {
    let mut call = call(&home).env("CHANNEL", super::world::TOKEN);
    if let Some(cert) = cert {
        call = call.env("SSL_CERT_FILE", cert.to_str().unwrap());
    }
    Service::of(home, call)
}

#[test]
fn a_password_goes_over_tls_only_and_only_to_a_server_that_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(dir.path());
    let host = Mailhost::start(Some((&cert, &key)));
    let secret = "user = \"tagout\"\npassword = { env = \"CHANNEL\" }";
    let service = serve_trusting(home(&[], &channel(host.port, secret)), None);
    stuck(&service, "critical", "mq-1");
    let name = r#"tagout_notices_total{channel="mail",outcome="failed"}"#;
    service.wait("a refusal", |service| service.metric(name).filter(|n| *n >= 1.0));
    assert_eq!(host.mails().len(), 0);
    let service = serve_trusting(service.stop(), Some(&cert));
    assert_eq!(host.wait(1).len(), 1);
    drop(service);
}
