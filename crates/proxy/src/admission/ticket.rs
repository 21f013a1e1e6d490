//! A ticket: who may open which call, for a minute and once; signed by the proxies that share a key.

use super::jws::{self, Jws, Key};
use super::{Refusal, User};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde::{Deserialize, Serialize};

/// A ticket's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) user: User,
    /// The call that it opens, as that will be named.
    pub(crate) call: String,
    /// By which it is known to be used.
    pub(crate) id: String,
    /// Whether it is for a program, which has no origin.
    pub(crate) native: bool,
    /// Seconds since 1970 from which, and before which, it opens its call.
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// Signs tickets and reads them.
pub(crate) struct Mint {
    /// The first signs; all are believed.
    keys: Vec<SigningKey>,
}

struct SigningKey {
    /// Names it in what it signed, and says nothing of it.
    kid: String,
    signs: hmac::Key,
    checks: Key,
}

/// A ticket on the wire.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// Who vouched for the user, and the name that the user has there.
    by: String,
    sub: String,
    sid: String,
    jti: String,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    native: bool,
    iat: u64,
    exp: u64,
}

impl Mint {
    /// One with these keys, newest first, of at least [`LEAST_KEY_BYTES`] each; at least one.
    pub(crate) fn new<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        Self { keys: keys.into_iter().map(SigningKey::new).collect() }
    }

    /// The ticket as a text without white space, some 400 bytes long; none without a key.
    pub(crate) fn sign(&self, ticket: &Ticket) -> Option<String> {
        self.sign_claims(&Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            by: ticket.user.by.clone(),
            sub: ticket.user.id.clone(),
            sid: ticket.call.clone(),
            jti: ticket.id.clone(),
            native: ticket.native,
            iat: ticket.from,
            exp: ticket.until,
        })
    }

    /// Any claims, signed as a ticket is; none without a key.
    pub(crate) fn sign_claims(&self, claims: &impl Serialize) -> Option<String> {
        let key = self.keys.first()?;
        jws::sign(claims, &key.kid, &key.signs).ok()
    }

    /// Reads a ticket that one of the keys signed, however old it is: see [`Ticket::judge`].
    ///
    /// # Errors
    /// It is none, or one that no key of ours signed.
    pub(crate) fn read(&self, text: &str) -> Result<Ticket, Refusal> {
        let jws = Jws::read(text).ok_or(Refusal::Unreadable)?;
        let named = |key: &&SigningKey| jws.kid.as_deref() == Some(key.kid.as_str());
        let is_ours = self.keys.iter().filter(named).any(|key| jws.is_signed_by(&key.checks));
        if !is_ours {
            return Err(Refusal::Forged);
        }
        let claims: Claims = jws.claims().ok_or(Refusal::Unreadable)?;
        // The same key may sign other things.
        if claims.iss != ISSUER || claims.aud != AUDIENCE {
            return Err(Refusal::Foreign);
        }
        Ok(Ticket {
            user: User { by: claims.by, id: claims.sub },
            call: claims.sid,
            id: claims.jti,
            native: claims.native,
            from: claims.iat,
            until: claims.exp,
        })
    }
}

impl Ticket {
    /// Whether it is good at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// It is too old, or of the future.
    pub(crate) const fn judge(&self, now: u64) -> Result<(), Refusal> {
        if now >= self.until.saturating_add(LEEWAY_S) {
            return Err(Refusal::Stale);
        }
        if self.from > now.saturating_add(LEEWAY_S) {
            return Err(Refusal::Future);
        }
        Ok(())
    }
}

impl SigningKey {
    fn new(key: &[u8]) -> Self {
        let mark = digest(&SHA256, &[b"vivavoce key id\0", key].concat());
        let kid = URL_SAFE_NO_PAD.encode(&mark.as_ref()[..KID_BYTES]);
        Self { kid, signs: hmac::Key::new(hmac::HMAC_SHA256, key), checks: Key::secret(key) }
    }
}

impl fmt::Debug for Mint {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        f.debug_struct("Mint").field("kids", &kids).finish()
    }
}

/// As long as the digest: a shorter key is the weakest part.
pub(crate) const LEAST_KEY_BYTES: usize = 32;

/// By how much the clocks of two proxies may differ.
pub(crate) const LEEWAY_S: u64 = 5;

const ISSUER: &str = "vivavoce";
const AUDIENCE: &str = "vivavoce.v1";
const KID_BYTES: usize = 6;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &[u8] = b"an old key of more than 32 bytes, yes";
    const NEW: &[u8] = b"a new key of more than 32 bytes, too";

    fn ticket() -> Ticket {
        let user = User { by: "telegram:42".into(), id: "7".into() };
        let (call, id) = ("0123456789ab".into(), "j".into());
        Ticket { user, call, id, native: false, from: 1_000, until: 1_060 }
    }

    #[test]
    fn both_keys_are_believed_and_the_newest_signs() {
        let (before, both, after) = (Mint::new([OLD]), Mint::new([NEW, OLD]), Mint::new([NEW]));
        let (old, new) = (before.sign(&ticket()).unwrap(), both.sign(&ticket()).unwrap());
        assert_eq!(both.read(&old), Ok(ticket()));
        assert_eq!(both.read(&new), Ok(ticket()));
        assert_eq!(after.read(&new), Ok(ticket()));
        assert_eq!(after.read(&old), Err(Refusal::Forged));
        assert_eq!(before.read(&new), Err(Refusal::Forged));
        assert!(new.len() < 450, "{} bytes", new.len());
        let shown = format!("{both:?}");
        assert!(!shown.contains("key of"), "{shown}");
    }

    #[test]
    fn it_is_good_for_its_minute_and_the_leeway_of_clocks() {
        for (now, verdict) in [
            (994, Err(Refusal::Future)),
            (995, Ok(())),
            (1_000, Ok(())),
            (1_064, Ok(())),
            (1_065, Err(Refusal::Stale)),
            (u64::MAX, Err(Refusal::Stale)),
        ] {
            assert_eq!(ticket().judge(now), verdict, "at {now}");
        }
        let forever = Ticket { until: u64::MAX, ..ticket() };
        assert_eq!(forever.judge(2_000), Ok(()));
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        let mint = Mint::new([NEW]);
        let key = &mint.keys[0];
        let signed = |claims: serde_json::Value| jws::sign(&claims, &key.kid, &key.signs).unwrap();
        let good = mint.sign(&ticket()).unwrap();
        let claims: serde_json::Value = Jws::read(&good).unwrap().claims().unwrap();
        for (name, value) in [("iss", "another"), ("aud", "another")] {
            let mut other = claims.clone();
            other[name] = value.into();
            assert_eq!(mint.read(&signed(other)), Err(Refusal::Foreign));
        }
        for name in ["exp", "iat", "sub", "by", "jti", "sid", "iss", "aud"] {
            let mut less = claims.clone();
            less.as_object_mut().unwrap().remove(name);
            assert_eq!(mint.read(&signed(less)), Err(Refusal::Unreadable), "{name}");
        }
        let mut endless = claims;
        endless["exp"] = "never".into();
        assert_eq!(mint.read(&signed(endless)), Err(Refusal::Unreadable));
        for junk in ["", "hello", "victim:session:1", "a.b.c", "e30.e30.e30", &"x".repeat(100_000)] {
            assert_eq!(mint.read(junk), Err(Refusal::Unreadable));
        }
        let unnamed = jws::sign(&serde_json::json!({}), "", &key.signs).unwrap();
        assert_eq!(mint.read(&unnamed), Err(Refusal::Forged));
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(by in ".{0,40}", id in ".{0,40}", call in ".{0,20}", jti in ".{0,30}",
            native: bool, from: u64, until: u64) {
            let mint = Mint::new([NEW, OLD]);
            let ticket = Ticket { user: User { by, id }, call, id: jti, native, from, until };
            prop_assert_eq!(mint.read(&mint.sign(&ticket).unwrap()), Ok(ticket));
        }

        #[test]
        fn one_flipped_bit_opens_nothing(at: prop::sample::Index, bit in 0_u8..7) {
            let mint = Mint::new([NEW]);
            let mut bytes = mint.sign(&ticket()).unwrap().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(mint.read(&text).is_err());
        }

        #[test]
        fn nonsense_is_refused_without_a_panic(text in ".{0,200}") {
            prop_assert!(Mint::new([NEW]).read(&text).is_err());
        }
    }
}
