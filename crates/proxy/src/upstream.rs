//! Which service answers: Gemini, the built-in simulator, or whatever an address says.

use crate::admission::caller::is_loopback_name;
use crate::section::looks_secret;
use axum::http::{HeaderValue, Uri, uri};
use core::fmt;
use vivavoce_wire::message::Upstream;

/// Where calls go.
#[derive(Clone)]
pub(crate) struct Target {
    /// The service's socket; none: the built-in simulator's, wherever that will be.
    pub(crate) uri: Option<Uri>,
    /// What opens it.
    pub(crate) key: Option<HeaderValue>,
    /// What people are told.
    pub(crate) kind: Upstream,
}

/// Why there is nowhere for calls to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// The address is none.
    Address {
        /// What was given, unless it holds a secret.
        found: String,
    },
    /// The address holds a credential.
    Secret,
    /// Gemini wants a key.
    KeyMissing,
    /// The key holds bytes that no header may.
    KeyMalformed,
    /// The key would cross a network for everybody to read.
    KeyInTheOpen,
}

impl Target {
    /// Chooses by the address that was given, or else by whether there is a key.
    pub(crate) fn choose(url: Option<&str>, key: Option<&str>) -> Result<Self, TargetError> {
        let key = key.map(header).transpose()?;
        let Some(url) = url else {
            return Ok(match key {
                Some(_) => Self { uri: Some(Uri::from_static(GEMINI)), key, kind: Upstream::Gemini },
                None => Self { uri: None, key: Some(any_key()), kind: Upstream::Simulator },
            });
        };
        let uri = socket_address(url)?;
        let is_here = is_loopback_name(uri.host().unwrap_or_default().trim_matches(['[', ']']));
        if key.is_none() && uri.host().is_some_and(|host| host.ends_with(".googleapis.com")) {
            return Err(TargetError::KeyMissing);
        }
        if key.is_some() && !is_here && uri.scheme_str() == Some("ws") {
            return Err(TargetError::KeyInTheOpen);
        }
        let (kind, key) = match is_here {
            true => (Upstream::Simulator, key.or_else(|| Some(any_key()))),
            false => (Upstream::Gemini, key),
        };
        Ok(Self { uri: Some(uri), key, kind })
    }
}

/// The socket that an address means: a base address, as the service's SDKs take it, gets the service's path.
pub(crate) fn socket_address(url: &str) -> Result<Uri, TargetError> {
    if looks_secret(url) {
        return Err(TargetError::Secret);
    }
    let malformed = || TargetError::Address { found: url.to_owned() };
    let mut parts = url.parse::<Uri>().map_err(|_| malformed())?.into_parts();
    let scheme = match parts.scheme.as_ref().map(uri::Scheme::as_str) {
        Some("ws" | "http") => "ws",
        Some("wss" | "https") => "wss",
        _ => return Err(malformed()),
    };
    parts.scheme = scheme.parse().ok();
    if parts.path_and_query.as_ref().is_none_or(|path| path == "/") {
        parts.path_and_query = Some(uri::PathAndQuery::from_static(PATH));
    }
    Uri::from_parts(parts).map_err(|_| malformed())
}

fn header(key: &str) -> Result<HeaderValue, TargetError> {
    let mut value = HeaderValue::from_str(key.trim()).map_err(|_| TargetError::KeyMalformed)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A simulator demands a key as Gemini does, and takes any.
const fn any_key() -> HeaderValue {
    HeaderValue::from_static("simulator")
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { found } => write!(
                f,
                "the upstream is an address like wss://generativelanguage.googleapis.com or ws://127.0.0.1:9080; \
                 found \"{found}\""
            ),
            Self::Secret => f.write_str(
                "the upstream's address seems to hold a credential: take it out and put the key into the environment \
                 as GEMINI_API_KEY",
            ),
            Self::KeyMissing => f.write_str(
                "Gemini wants a key: set GEMINI_API_KEY (https://aistudio.google.com/apikey gives one), or leave \
                 --upstream away to talk to the built-in simulator",
            ),
            Self::KeyMalformed => {
                f.write_str("GEMINI_API_KEY holds a line break or another character that no key has: set it anew")
            }
            Self::KeyInTheOpen => f.write_str(
                "GEMINI_API_KEY would cross the network unencrypted: use a wss:// upstream, or unset the key",
            ),
        }
    }
}

impl std::error::Error for TargetError {}

/// Gemini Live's socket; the key goes into a header, where no log looks.
const GEMINI: &str = "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

/// The path of that socket.
const PATH: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_where_the_key_and_the_address_say() {
        for (url, key, expected) in [
            (None, None, None),
            (None, Some("k"), Some(GEMINI)),
            (
                Some("ws://127.0.0.1:9"),
                None,
                Some(
                    "ws://127.0.0.1:9/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                ),
            ),
            (
                Some("http://[::1]:9/"),
                Some("k"),
                Some(
                    "ws://[::1]:9/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                ),
            ),
            (Some("https://a.example/b/c"), Some("k"), Some("wss://a.example/b/c")),
        ] {
            let target = Target::choose(url, key).unwrap_or_else(|error| panic!("{url:?}: {error}"));
            assert_eq!(target.uri.map(|uri| uri.to_string()).as_deref(), expected, "{url:?}");
        }
    }

    #[test]
    fn tells_gemini_from_a_simulator() {
        for (url, key, expected) in [
            (None, None, Upstream::Simulator),
            (None, Some("k"), Upstream::Gemini),
            (Some("ws://localhost:9"), Some("k"), Upstream::Simulator),
            (Some("wss://generativelanguage.googleapis.com"), Some("k"), Upstream::Gemini),
        ] {
            let target = Target::choose(url, key).unwrap_or_else(|error| panic!("{url:?}: {error}"));
            assert_eq!(target.kind, expected, "{url:?}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (url, key, expected) in [
            (Some("ftp://a"), None, TargetError::Address { found: "ftp://a".to_owned() }),
            (Some("nonsense"), None, TargetError::Address { found: "nonsense".to_owned() }),
            (Some("wss://a/?key=b"), None, TargetError::Secret),
            (Some("wss://a/b?c=d&Access_Token=e"), None, TargetError::Secret),
            (Some("wss://a:b@c/"), None, TargetError::Secret),
            (Some("wss://generativelanguage.googleapis.com"), None, TargetError::KeyMissing),
            (Some("ws://a.example"), Some("k"), TargetError::KeyInTheOpen),
            (None, Some("k\nk"), TargetError::KeyMalformed),
        ] {
            assert_eq!(Target::choose(url, key).err(), Some(expected), "{url:?}");
        }
    }
}
