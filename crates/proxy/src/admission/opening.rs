//! From settings and secrets to what decides who may call.

use super::init_data::{Bot, PRODUCTION_KEY, TEST_KEY, Telegram};
use super::issuer::Issuer;
use super::jws::{Key, is_private};
use super::ticket::{LEAST_KEY_BYTES, Mint, Ticket};
use super::{Admission, User, now};
use crate::call::call_id;
use crate::config::{Admitted, IssuerSettings, KeySource};
use crate::entry::random;
use crate::environment::Environment;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use vivavoce_wire::message::Upstream;

impl Admission {
    /// What these settings and secrets make of it, where calls go to `upstream`.
    ///
    /// Without a signing key it makes one that lasts as long as the process, which does unless several share calls.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn open(
        settings: &Admitted,
        environment: &Environment,
        upstream: Upstream,
    ) -> Result<Self, Vec<AdmissionError>> {
        let mut errors = Vec::new();
        let bots = bots(settings, environment, &mut errors);
        let issuers = issuers(settings, environment, &mut errors);
        let mint = signing(environment, &mut errors);
        let is_configured = !bots.is_empty() || !issuers.is_empty() || !environment.signing_keys.is_empty();
        if is_configured && environment.signing_keys.is_empty() && environment.redis_url.is_some() {
            errors.push(AdmissionError::NoSigningKey);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut keys = vec![PRODUCTION_KEY];
        keys.extend(settings.telegram.test_servers.then_some(TEST_KEY));
        Ok(Self {
            origins: settings.origins.clone(),
            public_url: settings.public_url.clone(),
            lets_in_local: settings.local.unwrap_or(upstream == Upstream::Simulator || !is_configured),
            is_configured,
            telegram: Telegram { bots, keys, max_age: settings.telegram.max_age },
            issuers,
            mint: Arc::new(mint),
            ticket_lasts: settings.ticket,
            refresh_lasts: settings.refresh,
            most_a_minute: settings.sessions_per_minute,
        })
    }
}

/// A ticket for `user`, for whom this machine's signing key vouches; with a `bot`, a user of Telegram, by number.
///
/// # Errors
/// There is no key, or it is too short.
pub(crate) fn mint(
    environment: &Environment,
    user: &str,
    bot: Option<u64>,
    native: bool,
    lasts: Duration,
) -> Result<String, MintError> {
    let user = match bot {
        Some(bot) => User::of_telegram(bot, user.parse().map_err(|_| MintError::NoNumber)?),
        None => User::of_shell(user),
    };
    if environment.signing_keys.is_empty() {
        return Err(MintError::NoKey);
    }
    let mut errors = Vec::new();
    let mint = signing(environment, &mut errors);
    if let Some(error) = errors.pop() {
        return Err(MintError::Key(error));
    }
    let from = now();
    let id = random().ok_or(MintError::NoRandomness)?;
    let ticket = Ticket { user, call: call_id(), id, native, from, until: from + lasts.as_secs() };
    mint.sign(&ticket).ok_or(MintError::NoKey)
}

fn bots(settings: &Admitted, environment: &Environment, errors: &mut Vec<AdmissionError>) -> Vec<Bot> {
    let mut bots = Vec::new();
    for token in &environment.bot_tokens {
        match Bot::of_token(token) {
            Some(bot) => bots.push(bot),
            None => errors.push(AdmissionError::BotToken),
        }
    }
    let has_no_token =
        |id: &&u64| environment.bot_tokens.iter().all(|token| !token.starts_with(&format!("{id}:")));
    bots.extend(settings.telegram.bots.iter().filter(has_no_token).map(|&id| Bot::of_id(id)));
    bots
}

fn issuers(settings: &Admitted, environment: &Environment, errors: &mut Vec<AdmissionError>) -> Vec<Issuer> {
    let mut issuers = Vec::new();
    for issuer in &settings.issuers {
        match key(issuer, environment) {
            Ok(key) => issuers.push(Issuer {
                name: issuer.issuer.clone(),
                audience: issuer.audience.clone(),
                key,
                native: issuer.native,
            }),
            Err(problem) => {
                errors.push(AdmissionError::IssuerKey { issuer: issuer.issuer.clone(), problem });
            }
        }
    }
    issuers
}

fn key(issuer: &IssuerSettings, environment: &Environment) -> Result<Key, String> {
    let public = |text: &str| {
        if is_private(text) {
            return Err(
                "it holds the private half, which has no business here: name the public one".to_owned()
            );
        }
        Key::public(issuer.algorithm, text).map_err(|expected| format!("expected {expected}"))
    };
    match &issuer.key {
        KeySource::Text(text) => public(text),
        KeySource::File(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("\"{}\" cannot be read: {error}", file.display()))?;
            public(&text)
        }
        KeySource::Environment(name) => match environment.secrets.get(name) {
            Some(secret) if secret.len() >= LEAST_KEY_BYTES => Ok(Key::secret(secret.as_bytes())),
            Some(_) => Err(format!("{name} is shorter than {LEAST_KEY_BYTES} bytes")),
            None => Err(format!("{name} is not set in the environment")),
        },
    }
}

fn signing(environment: &Environment, errors: &mut Vec<AdmissionError>) -> Mint {
    if environment.signing_keys.iter().any(|key| key.len() < LEAST_KEY_BYTES) {
        errors.push(AdmissionError::SigningKey);
    }
    if environment.signing_keys.is_empty() {
        return Mint::new(random().as_ref().map(String::as_bytes));
    }
    Mint::new(environment.signing_keys.iter().map(String::as_bytes))
}

/// Why nobody could be admitted as the settings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmissionError {
    /// `TELEGRAM_BOT_TOKEN` holds something else.
    BotToken,
    /// One of `VIVAVOCE_SIGNING_KEY` is too short.
    SigningKey,
    /// Several proxies must sign with one key, and there is none.
    NoSigningKey,
    /// An issuer's key is not to be had.
    IssuerKey {
        /// Whose.
        issuer: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BotToken => f.write_str(
                "TELEGRAM_BOT_TOKEN holds something that is no bot's token: @BotFather gives them, as in \
                 123456789:AAH…; several are separated by commas",
            ),
            Self::SigningKey => write!(
                f,
                "VIVAVOCE_SIGNING_KEY holds a key of less than {LEAST_KEY_BYTES} bytes: `openssl rand -base64 32` \
                 makes one; two are separated by a comma, the newest first"
            ),
            Self::NoSigningKey => f.write_str(
                "VIVAVOCE_SIGNING_KEY is not set: proxies that share their calls must sign tickets with the same \
                 key; `openssl rand -base64 32` makes one",
            ),
            Self::IssuerKey { issuer, problem } => write!(f, "no key of the issuer \"{issuer}\": {problem}"),
        }
    }
}

impl std::error::Error for AdmissionError {}

/// Why there is no ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MintError {
    /// `VIVAVOCE_SIGNING_KEY` is not set.
    NoKey,
    /// It is no good.
    Key(AdmissionError),
    /// Telegram's users are numbers.
    NoNumber,
    /// This machine has none.
    NoRandomness,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str(
                "VIVAVOCE_SIGNING_KEY is not set: a ticket is signed with the key of the proxy that is to take it",
            ),
            Self::Key(error) => error.fmt(f),
            Self::NoNumber => f.write_str("--user is a number with --bot: Telegram's of the user"),
            Self::NoRandomness => f.write_str("this machine gives no randomness"),
        }
    }
}
