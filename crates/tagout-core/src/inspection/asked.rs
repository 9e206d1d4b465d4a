//! What may be asked over HTTP before a decision, unreviewed: by GET, of the services that the operator
//! lists, questions to Prometheus and Alertmanager and the paths that are listed.

use serde::{Deserialize, Serialize};

use crate::endpoint::Method;
use crate::limits;
use crate::work::BoundWork;

/// The part of a pattern that stands for any one part of a path or query.
const ANY: &str = "*";

/// What separates the parts of a path and its query (RFC 3986, sections 3.3 and 3.4). A value in
/// either is percent-encoded, so it holds none of them.
const BETWEEN: [char; 4] = ['/', '?', '&', '='];

/// A service that may be asked without a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedEndpoint {
    /// Where it answers, with the prefix it is served under and without a slash at the end.
    pub url: String,
    /// The paths that may be got there, and no others. Where none is listed, questions to Prometheus and
    /// Alertmanager may be asked: how they are asked is Tagout's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathPattern>,
}

/// A path with its query that may be got: as it is, with `*` in the place of any one part between
/// `/`, `?`, `&` and `=` that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathPattern(String);

/// Why a text is no pattern of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It is not what stands behind an address.
    #[error("it does not begin with /, or holds what no path does")]
    NoPath,
    /// Too much of it.
    #[error("it is longer than {most} bytes", most = limits::TARGET_BYTES)]
    TooLong,
}

impl PathPattern {
    /// The pattern, if it is one.
    ///
    /// # Errors
    /// See [`BadPath`].
    pub fn new(text: String) -> Result<Self, BadPath> {
        if !text.starts_with('/') || !text.chars().all(|c| c.is_ascii_graphic() && c != '#') {
            return Err(BadPath::NoPath);
        }
        if text.len() > limits::TARGET_BYTES {
            return Err(BadPath::TooLong);
        }
        Ok(Self(text))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it covers a path with its query, as they stand behind an address.
    #[must_use]
    pub fn covers(&self, target: &str) -> bool {
        let between = |text: &str| text.matches(BETWEEN).map(str::to_owned).collect::<Vec<_>>();
        let mut parts = self.0.split(BETWEEN).zip(target.split(BETWEEN));
        between(&self.0) == between(target)
            && parts.all(|(own, part)| if own == ANY { !part.is_empty() } else { own == part })
    }
}

impl AskedEndpoint {
    /// The work as it may be asked here, with the address it goes to.
    #[must_use]
    pub fn asked(&self, work: &BoundWork) -> Option<BoundWork> {
        let request = work.request();
        let gets = work.methods().into_iter().all(|method| method == Method::Get);
        let target = request.target.as_str();
        let covered = |target: &str| self.paths.iter().any(|path| path.covers(target));
        let listed = match work {
            // What is asked behind the path is a text, so the path alone may stand for all of it.
            BoundWork::Promql(_) | BoundWork::Alertmanager(_) => {
                let path = target.split_once('?').map_or(target, |(path, _)| path);
                self.paths.is_empty() || covered(target) || covered(path)
            }
            BoundWork::Http(_) => covered(target),
            BoundWork::Job(_) => false,
        };
        (gets && listed && request.body.is_none()).then(|| {
            let mut work = work.clone();
            work.request_mut().base.clone_from(&self.url);
            work
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::new(text.to_owned()).unwrap()
    }

    #[test]
    fn a_path_covers_itself_and_one_whole_part_for_each_star() {
        let one = pattern("/v1/workers/*?deep=*");
        assert!(one.covers("/v1/workers/a-1?deep=1"));
        for not in [
            "/v1/workers/a-1",
            "/v1/workers/?deep=1",
            "/v1/workers/a-1/restart?deep=1",
            "/v1/workers/a-1?deep=1&force=1",
            "/v1/workers/a-1?deeper=1",
            "/v1/workers/a-1&deep=1",
            "/v2/workers/a-1?deep=1",
            "/v1/workers/a-1?deep=",
            "",
        ] {
            assert!(!one.covers(not), "{not}");
        }
        // A star inside a part is only a star.
        assert!(!pattern("/v*").covers("/v1"));
        assert!(pattern("/v*").covers("/v*"));
    }

    #[test]
    fn a_path_begins_with_a_slash_is_plain_and_no_longer_than_the_limit() {
        for bad in ["", "v1", "https://x/", "/a b", "/a\n", "/ü", "/a#b"] {
            assert_eq!(PathPattern::new(bad.to_owned()), Err(BadPath::NoPath), "{bad:?}");
        }
        let of = |n: usize| PathPattern::new(format!("/{}", "x".repeat(n - 1)));
        assert!(of(limits::TARGET_BYTES).is_ok());
        assert_eq!(of(limits::TARGET_BYTES + 1), Err(BadPath::TooLong));
    }
}
