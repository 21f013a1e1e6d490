//! Whoever else vouches for users: pages outside Telegram bring a JWT (RFC 7519) of an issuer that the settings name.

use super::jws::{Jws, Key};
use super::ticket::LEEWAY_S;
use super::{Refusal, User};
use serde::Deserialize;

/// An issuer of JWTs, with one of its keys.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// What stands in `iss`.
    pub(crate) name: String,
    /// What must be among `aud`.
    pub(crate) audience: String,
    pub(crate) key: Key,
    /// Whether its users may call from programs, which have no origin.
    pub(crate) native: bool,
}

/// Whom a JWT vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) user: User,
    pub(crate) native: bool,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Judges a JWT at `now`, in seconds since 1970. `iss`, `aud`, `sub` and `exp` must be there; `nbf` and `iat` count where
/// they are.
///
/// # Errors
/// Why it opens nothing.
pub(crate) fn judge(issuers: &[Issuer], token: &str, now: u64) -> Result<Vouched, Refusal> {
    let jws = Jws::read(token).ok_or(Refusal::Unreadable)?;
    let claims: Claims = jws.claims().ok_or(Refusal::Unreadable)?;
    // Which keys may have signed it is all that is taken from it before one of them is known to have.
    let mut of_that_name = issuers.iter().filter(|issuer| issuer.name == claims.iss).peekable();
    if of_that_name.peek().is_none() {
        return Err(Refusal::Foreign);
    }
    let mut signers = of_that_name.filter(|issuer| jws.is_signed_by(&issuer.key)).peekable();
    if signers.peek().is_none() {
        return Err(Refusal::Forged);
    }
    let issuer = signers.find(|issuer| claims.aud.holds(&issuer.audience)).ok_or(Refusal::Foreign)?;
    claims.judge_times(now)?;
    if claims.sub.is_empty() || claims.sub.len() > MOST_NAME_BYTES {
        return Err(Refusal::Unreadable);
    }
    Ok(Vouched { user: User { by: claims.iss, id: claims.sub }, native: issuer.native })
}

impl Claims {
    fn judge_times(&self, now: u64) -> Result<(), Refusal> {
        let (now, leeway) = (now as f64, LEEWAY_S as f64);
        if now >= self.exp + leeway {
            return Err(Refusal::Stale);
        }
        if self.nbf.into_iter().chain(self.iat).any(|from| from > now + leeway) {
            return Err(Refusal::Future);
        }
        Ok(())
    }
}

impl Audience {
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|one| one == name),
        }
    }
}

/// As long as OpenID Connect lets a subject be, in ASCII.
const MOST_NAME_BYTES: usize = 255;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::super::jws::{self, Algorithm};
    use super::*;
    use proptest::prelude::*;
    use ring::hmac;
    use serde_json::{Value, json};

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
    const NOW: u64 = 1_764_000_100;

    fn issuer(key: Key) -> Issuer {
        Issuer { name: "https://id.example.org".into(), audience: "voice".into(), key, native: false }
    }

    fn issuers() -> Vec<Issuer> {
        vec![issuer(Key::secret(b"an older secret of thirty-two bytes.")), issuer(Key::secret(SECRET))]
    }

    fn signed(claims: &Value) -> String {
        jws::sign(claims, "any", &hmac::Key::new(hmac::HMAC_SHA256, SECRET)).unwrap()
    }

    fn claims() -> Value {
        json!({ "iss": "https://id.example.org", "aud": "voice", "sub": "ada", "exp": NOW + 60 })
    }

    fn with(name: &str, value: impl Into<Value>) -> String {
        let mut claims = claims();
        claims[name] = value.into();
        signed(&claims)
    }

    #[test]
    fn each_algorithm_vouches_with_its_own_key() {
        let tokens: Value = serde_json::from_str(include_str!("../../tests/keys/tokens.json")).unwrap();
        for (name, algorithm) in [
            ("RS256", Algorithm::RS256),
            ("PS256", Algorithm::PS256),
            ("ES256", Algorithm::ES256),
            ("EdDSA", Algorithm::EdDsa),
        ] {
            let key = Key::public(algorithm, tokens[name]["pem"].as_str().unwrap()).unwrap();
            let vouched =
                judge(&[issuer(key.clone())], tokens[name]["token"].as_str().unwrap(), NOW).unwrap();
            let user = User { by: "https://id.example.org".into(), id: "ada".into() };
            assert_eq!(vouched, Vouched { user, native: false });
            assert_eq!(judge(&[issuer(key)], &signed(&claims()), NOW), Err(Refusal::Forged), "{name}");
        }
    }

    #[test]
    fn what_must_be_there_is_there_and_right() {
        assert!(judge(&issuers(), &signed(&claims()), NOW).is_ok());
        for name in ["iss", "aud", "sub", "exp"] {
            let mut less = claims();
            less.as_object_mut().unwrap().remove(name);
            assert_eq!(judge(&issuers(), &signed(&less), NOW), Err(Refusal::Unreadable), "{name}");
        }
        for (token, verdict) in [
            (with("aud", json!(["x", "voice"])), Ok(())),
            (with("aud", json!(["x"])), Err(Refusal::Foreign)),
            (with("aud", "voices"), Err(Refusal::Foreign)),
            (with("aud", json!([])), Err(Refusal::Foreign)),
            (with("iss", "https://id.example.org/"), Err(Refusal::Foreign)),
            (with("iss", json!(["https://id.example.org"])), Err(Refusal::Unreadable)),
            (with("sub", ""), Err(Refusal::Unreadable)),
            (with("sub", "x".repeat(256)), Err(Refusal::Unreadable)),
            (with("sub", 7), Err(Refusal::Unreadable)),
            (with("exp", NOW - 4), Ok(())),
            (with("exp", NOW - 5), Err(Refusal::Stale)),
            (with("exp", NOW as f64 + 0.5), Ok(())),
            (with("exp", "tomorrow"), Err(Refusal::Unreadable)),
            (with("exp", -1), Err(Refusal::Stale)),
            (with("nbf", NOW + 5), Ok(())),
            (with("nbf", NOW + 6), Err(Refusal::Future)),
            (with("iat", NOW + 6), Err(Refusal::Future)),
            (with("iat", Value::Null), Ok(())),
        ] {
            assert_eq!(judge(&issuers(), &token, NOW).map(|_| ()), verdict, "{token}");
        }
    }

    #[test]
    fn nobody_else_vouches() {
        assert_eq!(judge(&[], &signed(&claims()), NOW), Err(Refusal::Foreign));
        let others = [issuer(Key::secret(b"another secret of thirty-two bytes, yes"))];
        assert_eq!(judge(&others, &signed(&claims()), NOW), Err(Refusal::Forged));
        for junk in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(judge(&issuers(), junk, NOW), Err(Refusal::Unreadable), "{junk}");
        }
    }

    proptest! {
        #[test]
        fn one_flipped_bit_vouches_for_nobody(at: prop::sample::Index, bit in 0_u8..7) {
            let mut bytes = signed(&claims()).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(judge(&issuers(), &String::from_utf8(bytes).unwrap(), NOW).is_err());
        }
    }
}
