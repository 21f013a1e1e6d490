//! Ephemeral tokens: reads the request for one.

use crate::house::Token;
use core::time::Duration;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The body of `POST /{version}/auth_tokens`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    uses: Option<u32>,
    #[serde(alias = "expireTime")]
    expire_time: Option<Timestamp>,
    #[serde(alias = "newSessionExpireTime")]
    new_session_expire_time: Option<Timestamp>,
    #[serde(alias = "bidiGenerateContentSetup")]
    bidi_generate_content_setup: Option<Value>,
    #[serde(alias = "fieldMask")]
    field_mask: Option<String>,
}

impl Request {
    /// Reads a request; an empty body asks for the defaults.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|error| format!("Invalid JSON payload received. {error}"))
    }

    /// The token that is asked for; `wall` is the hour, `now` the simulator's time.
    ///
    /// # Errors
    /// A time that is over or too far away.
    pub(crate) fn token(self, wall: Timestamp, now: Duration) -> Result<Token, String> {
        let until = |at: Option<Timestamp>, usual: Duration, name: &str| match at {
            None => Ok(now + usual),
            Some(at) => match Duration::try_from(at.duration_since(wall)) {
                Ok(left) if left < LONGEST => Ok(now + left),
                Ok(_) => Err(format!("{name} must be less than 20 hours in the future.")),
                Err(_) => Err(format!("{name} must be in the future.")),
            },
        };
        let mask = self.field_mask.unwrap_or_default();
        Ok(Token {
            uses: match self.uses {
                Some(0) => None,
                uses => Some(uses.unwrap_or(1)),
            },
            expires: until(self.expire_time, Duration::from_secs(30 * 60), "expire_time")?,
            opens_until: until(
                self.new_session_expire_time,
                Duration::from_secs(60),
                "new_session_expire_time",
            )?,
            setup: self.bidi_generate_content_setup,
            mask: mask.split(',').map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned).collect(),
        })
    }
}

/// The longest life of a token.
const LONGEST: Duration = Duration::from_secs(20 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::Request;
    use core::time::Duration;

    #[test]
    fn asks_for_one_use_within_a_minute_by_default() {
        let wall = "2026-10-01T12:00:00Z".parse().unwrap();
        let token = Request::read(b"").unwrap().token(wall, Duration::from_secs(5)).unwrap();
        assert_eq!((token.uses, token.opens_until, token.expires), (Some(1), s(65), s(1805)));
    }

    #[test]
    fn reads_either_spelling_and_refuses_times_out_of_bounds() {
        let wall = "2026-10-01T12:00:00Z".parse().unwrap();
        let body = br#"{"uses":0,"expireTime":"2026-10-01T12:10:00Z","new_session_expire_time":"2026-10-01T12:01:30Z",
            "fieldMask":"model,generationConfig.temperature"}"#;
        let token = Request::read(body).unwrap().token(wall, s(0)).unwrap();
        assert_eq!((token.uses, token.expires, token.opens_until), (None, s(600), s(90)));
        assert_eq!(token.mask, ["model", "generationConfig.temperature"]);
        for time in ["2026-10-01T11:59:00Z", "2026-10-02T12:00:00Z"] {
            let body = format!(r#"{{"expire_time":"{time}"}}"#);
            assert!(Request::read(body.as_bytes()).unwrap().token(wall, s(0)).is_err(), "{time}");
        }
        assert!(Request::read(br#"{"use":1}"#).is_err());
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}
