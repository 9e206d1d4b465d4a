//! Mail: plain text and the same as simple HTML, with a link to the page. Answering it or
//! following the link decides nothing.

use std::path::Path;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};
use maud::{DOCTYPE, html};
use tagout_core::time::Time;

use super::client::NotSent;
use super::config::{ChannelConfig, MailTls};
use super::message::Message;
use crate::config::address::is_here;

/// How long each step of a delivery may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest subject, in characters.
const SUBJECT: usize = 150;

/// A mail server and the people that it reaches.
pub(crate) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Email(to {})", self.to.len())
    }
}

impl Email {
    /// What the configuration says.
    pub(crate) fn load(config: &ChannelConfig, base_dir: &Path) -> Result<Self, String> {
        crate::tls::install();
        let mailbox = |text: &String| {
            text.parse::<Mailbox>().map_err(|e| format!("{text:?} is no address of mail: {e}"))
        };
        let from = mailbox(config.from.as_ref().ok_or("it has no from")?)?;
        let to = config.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        let tls = config.tls.unwrap_or_default();
        let server = config.server.as_deref().ok_or("it has no server")?;
        let (host, port) = host_and_port(server, tls)?;
        let local = is_here(&host);
        if tls == MailTls::None && !local {
            return Err("tls = \"none\" is only for a server on this machine".into());
        }
        let parameters =
            || TlsParameters::new(host.clone()).map_err(|e| format!("TLS cannot be set up: {e}"));
        let tls = match tls {
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            let password = password.load(base_dir)?;
            let password = std::str::from_utf8(password.bytes());
            let password = password.map_err(|_| "password: is not UTF-8")?.to_owned();
            transport = transport.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { transport: transport.build(), from, to })
    }

    pub(crate) async fn send(&self, message: &Message, now: Time) -> Result<(), NotSent> {
        let mail = self.mail(message, now).map_err(NotSent::ever)?;
        self.transport.send(mail).await.map(drop).map_err(|e| {
            // The server's words, and no address of ours.
            let why = format!("the mail server did not take it: {e}");
            // One that refuses the sender or a recipient may be told better; what it says of the
            // mail itself stays true.
            let code = e.status().map(u16::from);
            NotSent { for_good: matches!(code, Some(552 | 554)), ..NotSent::now(why) }
        })
    }

    fn mail(&self, message: &Message, now: Time) -> Result<Mail, String> {
        let notice = &message.notice;
        // An id of ours under the sender's domain: the same in each attempt, so a mail that
        // arrives twice is one mail.
        let domain = self.from.email.domain();
        let id = |name: &str| format!("<{name}@{domain}>");
        let seconds = u64::try_from(now.millis() / 1000).unwrap_or(0);
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(message.title.chars().take(SUBJECT).collect::<String>())
            .message_id(Some(id(&notice.id)))
            .date(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
            // RFC 3834: nobody's absence note is to answer it.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"))
            .raw_header(header("X-Tagout-Notice", &notice.id));
        if !notice.incident.is_empty() {
            // Nobody sent this mail; it holds the mails of an incident together.
            mail = mail.references(id(&notice.incident)).in_reply_to(id(&notice.incident));
        }
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let both = MultiPart::alternative_plain_html(message.plain(), html(message));
        mail.multipart(both).map_err(|e| format!("the mail cannot be written: {e}"))
    }
}

const fn static_name(name: &'static str) -> HeaderName {
    HeaderName::new_from_ascii_str(name)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(static_name(name), value.to_owned())
}

fn host_and_port(server: &str, tls: MailTls) -> Result<(String, u16), String> {
    let usual = match tls {
        MailTls::StartTls => 587,
        MailTls::Implicit => 465,
        MailTls::None => 25,
    };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => {
            (host, port.parse().map_err(|_| format!("server: {port:?} is no port"))?)
        }
        None => (server, usual),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err("server must be host or host:port".into());
    }
    Ok((host.to_owned(), port))
}

/// The same as HTML: no script, no image, nothing that is fetched.
fn html(message: &Message) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (message.title) } }
            body {
                h1 style="font-size:1.2em" { (message.title) }
                @for text in [&message.what, &message.text] {
                    @if !text.is_empty() { p { (text) } }
                }
                table {
                    @for (name, value) in &message.facts {
                        tr { th align="left" scope="row" { (name) } td { (value) } }
                    }
                }
                @if !message.steps.is_empty() {
                    ol { @for step in &message.steps { li { code { (step) } } } }
                }
                @if message.more_steps > 0 { p { "and " (message.more_steps) " more" } }
                @if let Some(link) = &message.link { p { a href=(link) { (link) } } }
            }
        }
    };
    page.into_string()
}
