//! The one HTTP client of channels, rotas, polls and sign-in: bounded in time and size, and it
//! follows nobody elsewhere. What goes to this machine goes straight there.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url, redirect};
use tagout_core::limits;

use crate::config::address::stays_here;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, all of it.
const ANSWER: Duration = Duration::from_secs(15);
/// The longest that an answer can have us wait before the next attempt.
const LONGEST_WAIT: u64 = 3600;

/// Why a notice was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotSent {
    /// In words that name no address and no secret.
    pub(crate) why: String,
    /// Whether it would fail however often it were sent.
    pub(crate) for_good: bool,
    /// How long to wait before the next attempt, if the receiver said so.
    pub(crate) wait: Option<Duration>,
}

impl NotSent {
    /// Something that may work another time.
    pub(crate) fn now(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: false, wait: None }
    }

    /// Something that will not.
    pub(crate) fn ever(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: true, wait: None }
    }
}

/// An answer that says that the request was taken.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Only as far as it could be read.
    pub(crate) body: Vec<u8>,
}

/// A client. A proxy of the environment is used, but never on the way to this machine: what is
/// secret may go there unencrypted, and the proxy would read it.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    here: Client,
    elsewhere: Client,
}

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub(crate) fn new() -> Result<Self, String> {
        crate::tls::install();
        let build = |builder: ClientBuilder| {
            builder
                .connect_timeout(CONNECT)
                .timeout(ANSWER)
                // A notice and its signature must not follow a redirect to somebody else.
                .redirect(redirect::Policy::none())
                .user_agent(concat!("tagout/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|e| format!("no client can be made: {}", words(e)))
        };
        Ok(Self {
            here: build(Client::builder().no_proxy())?,
            elsewhere: build(Client::builder())?,
        })
    }

    fn to(&self, url: &Url) -> &Client {
        if stays_here(url) { &self.here } else { &self.elsewhere }
    }

    /// A GET of this address.
    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.to(&url).get(url)
    }

    /// A POST to this address.
    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.to(&url).post(url)
    }
}

/// Sends a request and reads the answer. Anything but 2xx is a failure; one that says that the
/// request itself is wrong is a failure for good.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, NotSent> {
    let answer = request.send().await.map_err(|e| NotSent::now(words(e)))?;
    let status = answer.status();
    if status.is_success() {
        // It was taken, whatever becomes of the rest: sent again, it would arrive twice.
        return Ok(Answer { body: beginning(answer).await });
    }
    let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
    let wait = wait.and_then(|wait| wait.trim().parse::<u64>().ok());
    let hint = match status.as_u16() {
        401 | 403 => "; check its secrets",
        404 => "; check its url",
        410 => "; the receiver wants no more of them",
        300..=399 => "; redirects are not followed, give the address it names",
        _ => "",
    };
    Err(NotSent {
        why: format!("answered {status}{hint}"),
        // What is not found or not allowed may be a slip that somebody mends; a body that is
        // refused stays what it is.
        for_good: matches!(status.as_u16(), 400 | 410 | 413 | 415 | 422),
        wait: wait.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT))),
    })
}

/// What can be read of an answer, as far as the limit.
async fn beginning(mut answer: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        let room = limits::FETCHED_BYTES - body.len();
        body.extend(part.iter().take(room));
        if part.len() > room {
            break;
        }
    }
    body
}

/// An error with its causes, and without the address.
pub(crate) fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(one) = cause {
        words.push_str(&format!(": {one}"));
        cause = one.source();
    }
    words
}
