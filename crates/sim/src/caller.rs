//! Who calls, by which path and with which credential.

use crate::house::{House, Token};
use crate::model::Version;
use crate::refusal;
use crate::script::{Close, Script};
use core::time::Duration;
use percent_encoding::percent_decode_str;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The API's version, from the path.
    pub version: Version,
    /// Whether the path names the method for ephemeral tokens.
    pub constrained: bool,
    /// What was shown.
    pub credential: Credential,
}

/// What was shown at the door.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    None,
    /// An API key, or an access token of another kind.
    Key(String),
    /// An ephemeral token.
    Token(String),
    /// More than one token.
    Doubled,
}

impl Caller {
    /// Reads path and query of a WebSocket request and looks up its headers; `None` for paths that are not
    /// served.
    pub fn read<'a>(path: &str, query: &str, header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let rest = path.trim_start_matches('/').strip_prefix("ws/google.ai.generativelanguage.")?;
        let (version, method) = rest.split_once('.')?;
        let version = match version {
            "v1" => Version::V1,
            "v1beta" => Version::V1beta,
            "v1alpha" => Version::V1alpha,
            _ => return None,
        };
        let constrained = match method {
            "GenerativeService.BidiGenerateContent" => false,
            "GenerativeService.BidiGenerateContentConstrained" => true,
            _ => return None,
        };
        Some(Self { version, constrained, credential: Credential::read(query, header) })
    }

    /// Lets the caller in or not; gives the token's locks where there are any.
    ///
    /// # Errors
    /// The close that follows the setup.
    pub fn admit(&self, house: &House, now: Duration) -> Result<Option<Token>, Close> {
        let script = house.script();
        if let Some(close) = &script.keys.refuse {
            return Err(close.clone());
        }
        if !self.constrained {
            return self.credential.admit_key(&script.keys.accept).map(|()| None);
        }
        let Credential::Token(name) = &self.credential else { return Err(refusal::bad_token()) };
        if script.strict.tokens_need_v1alpha && self.version != Version::V1alpha {
            return Err(refusal::bad_token());
        }
        house.token(name, now).map(Some)
    }

    /// Opens a session with the caller's token, where there is one; resuming one costs no use.
    ///
    /// # Errors
    /// The close that follows the setup.
    pub fn spend(&self, house: &House, resumes: bool, now: Duration) -> Result<(), Close> {
        match &self.credential {
            Credential::Token(name) if self.constrained => house.spend(name, resumes, now),
            _ => Ok(()),
        }
    }
}

/// Whether a request that mints a token shows a key that opens anything.
///
/// # Errors
/// The close with which the key would be refused on a socket.
pub fn may_mint<'a>(
    query: &str,
    header: impl Fn(&str) -> Option<&'a str>,
    script: &Script,
) -> Result<(), Close> {
    match &script.keys.refuse {
        Some(close) => Err(close.clone()),
        None => Credential::read(query, header).admit_key(&script.keys.accept),
    }
}

impl Credential {
    fn admit_key(&self, accepted: &[String]) -> Result<(), Close> {
        match self {
            Self::Key(key) if accepted.is_empty() || accepted.contains(key) => Ok(()),
            Self::Key(_) => Err(refusal::bad_key()),
            Self::None | Self::Token(_) | Self::Doubled => Err(refusal::unregistered()),
        }
    }

    fn read<'a>(query: &str, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let mut tokens = parameters(query, "access_token");
        match (tokens.pop(), tokens.pop()) {
            (Some(token), None) => return Self::Token(token),
            (Some(_), Some(_)) => return Self::Doubled,
            (None, _) => {}
        }
        let authorization = header("authorization").and_then(|value| value.split_once(' '));
        let secret = |wanted: &str| {
            let of_scheme = authorization.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(wanted));
            of_scheme.map(|(_, secret)| secret.trim().to_owned()).filter(|secret| !secret.is_empty())
        };
        // Google's Python client shows its token as a key, too; the token counts.
        if let Some(token) = secret("token") {
            return Self::Token(token);
        }
        let key = parameters(query, "key").pop().or_else(|| header("x-goog-api-key").map(str::to_owned));
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            return Self::Key(key);
        }
        match secret("bearer") {
            Some(token) if token.starts_with("auth_tokens/") => Self::Token(token),
            Some(key) => Self::Key(key),
            None => Self::None,
        }
    }
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Key(_) => "Key(…)",
            Self::Token(_) => "Token(…)",
            Self::Doubled => "Doubled",
        })
    }
}

/// All values of a parameter, percent-decoded.
fn parameters(query: &str, name: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(key, _)| *key == name);
    values.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Caller, Credential};
    use crate::model::Version;

    const PATH: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

    fn credential(query: &str, headers: &[(&str, &'static str)]) -> Credential {
        let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        Caller::read(PATH, query, header).unwrap().credential
    }

    #[test]
    fn serves_both_methods_over_all_versions_with_one_slash_or_two() {
        for slash in ["/", "//"] {
            for (name, version) in
                [("v1", Version::V1), ("v1beta", Version::V1beta), ("v1alpha", Version::V1alpha)]
            {
                for (method, constrained) in [("", false), ("Constrained", true)] {
                    let path = format!(
                        "{slash}ws/google.ai.generativelanguage.{name}.GenerativeService.BidiGenerateContent{method}"
                    );
                    let caller = Caller::read(&path, "", |_| None).unwrap();
                    assert_eq!((caller.version, caller.constrained), (version, constrained), "{path}");
                }
            }
        }
    }

    #[test]
    fn serves_no_other_path() {
        let paths =
            [PATH.replace("v1beta", "v2"), PATH.replace("Content", "Music"), "/ws".into(), "/".into()];
        for path in paths {
            assert_eq!(Caller::read(&path, "key=a", |_| None), None, "{path}");
        }
    }

    #[test]
    fn reads_credentials_wherever_clients_put_them() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: [(&str, Headers, Credential); 10] = [
            ("key=k", &[], Credential::Key("k".into())),
            ("alt=json&key=a%2Fb", &[], Credential::Key("a/b".into())),
            ("", &[("x-goog-api-key", "k")], Credential::Key("k".into())),
            ("access_token=auth_tokens%2Fx", &[], Credential::Token("auth_tokens/x".into())),
            ("access_token=a&access_token=a", &[], Credential::Doubled),
            ("", &[("authorization", "Token auth_tokens/x")], Credential::Token("auth_tokens/x".into())),
            (
                "",
                &[("x-goog-api-key", "auth_tokens/x"), ("authorization", "Token auth_tokens/x")],
                Credential::Token("auth_tokens/x".into()),
            ),
            ("", &[("authorization", "Bearer abc")], Credential::Key("abc".into())),
            ("key=", &[], Credential::None),
            ("", &[], Credential::None),
        ];
        for (query, headers, expected) in cases {
            assert!(credential(query, headers) == expected, "{query} {headers:?}");
        }
    }

    #[test]
    fn shows_no_secret_in_its_debug_form() {
        assert_eq!(format!("{:?}", credential("key=secret", &[])), "Key(…)");
    }
}
