//! Who may call, as the settings say.

use super::origins;
pub use crate::admission::jws::Algorithm;
use crate::admission::{LOCAL, SHELL, TELEGRAM};
use crate::section::{Document, Section, flag, one_of, whole, words};
use core::time::Duration;
use std::path::PathBuf;
use toml::de::DeValue;

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Pages of other origins that may call, as browsers write them: `https://example.org`.
    pub origins: Vec<String>,
    /// Whether this machine needs no ticket; none: where calls go to a simulator, or nobody could get one.
    pub local: Option<bool>,
    /// Where calls go, `wss://…`; none: to the host by which the caller knows the proxy.
    pub public_url: Option<String>,
    /// How long a ticket opens its call, 10 s to 10 min.
    pub ticket: Duration,
    /// How long one whom Telegram vouched for gets further tickets, up to a week; zero: never.
    pub refresh: Duration,
    /// Tickets for one user in a minute.
    pub sessions_per_minute: u32,
    /// What Telegram's word counts for.
    pub telegram: TelegramSettings,
    /// Whoever else vouches for users.
    pub issuers: Vec<IssuerSettings>,
}

/// What Telegram's word counts for; bots' tokens come from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelegramSettings {
    /// How old init data may be, a minute to a week.
    pub max_age: Duration,
    /// Ids of bots of which the token is elsewhere: Telegram's own signature vouches for their users.
    pub bots: Vec<u64>,
    /// Whether what Telegram's test servers sign counts, too: anybody can be anybody there.
    pub test_servers: bool,
}

/// An issuer of JWTs, with one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What stands in `iss`.
    pub issuer: String,
    /// What must be among `aud`.
    pub audience: String,
    /// How this key signs.
    pub algorithm: Algorithm,
    /// Where the key is.
    pub key: KeySource,
    /// Whether programs may call, which have no origin.
    pub native: bool,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A public key, in PEM or as a JWK.
    Text(String),
    /// A file that holds such a one.
    File(PathBuf),
    /// A variable of the environment that holds a secret.
    Environment(String),
}

impl Admitted {
    /// Variables of the environment that hold secrets of issuers.
    pub(super) fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().filter_map(|issuer| match &issuer.key {
            KeySource::Environment(name) => Some(name.as_str()),
            KeySource::Text(_) | KeySource::File(_) => None,
        })
    }

    pub(super) fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(root, "admission");
        let mut seconds = |key, range, default| {
            let seconds = document.take(table, key, whole(range));
            seconds.map_or(default, |seconds| Duration::from_secs(seconds.into()))
        };
        let ticket = seconds("ticket_s", 10..=600, default.ticket);
        let refresh = seconds("refresh_s", 0..=WEEK_S, default.refresh);
        let admitted = Self {
            origins: document.take(table, "origins", origins).unwrap_or_default(),
            local: document.take(table, "local", flag),
            public_url: document.take(table, "public_url", socket_url),
            ticket,
            refresh,
            sessions_per_minute: document
                .take(table, "sessions_per_minute", whole(1..=10_000))
                .unwrap_or(default.sessions_per_minute),
            telegram: TelegramSettings::take(document, table),
            issuers: IssuerSettings::take(document, table),
        };
        document.finish(table);
        admitted
    }
}

impl Default for Admitted {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            local: None,
            public_url: None,
            ticket: Duration::from_secs(60),
            refresh: Duration::from_secs(12 * 60 * 60),
            sessions_per_minute: 30,
            telegram: TelegramSettings::default(),
            issuers: Vec::new(),
        }
    }
}

impl TelegramSettings {
    fn take<'t>(document: &mut Document<'t>, admission: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(admission, "telegram");
        let max_age = document.take(table, "max_age_s", whole(60..=WEEK_S));
        let telegram = Self {
            max_age: max_age.map_or(default.max_age, |seconds| Duration::from_secs(seconds.into())),
            bots: document.take(table, "bots", bots).unwrap_or_default(),
            test_servers: document.take(table, "test_servers", flag).unwrap_or(default.test_servers),
        };
        document.finish(table);
        telegram
    }
}

impl Default for TelegramSettings {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(60 * 60), bots: Vec::new(), test_servers: false }
    }
}

impl IssuerSettings {
    fn take<'t>(document: &mut Document<'t>, admission: &mut Section<'t>) -> Vec<Self> {
        let tables = document.tables(admission, "issuers");
        tables
            .into_iter()
            .filter_map(|(line, mut table)| Self::take_one(document, line, &mut table))
            .collect()
    }

    fn take_one<'t>(document: &mut Document<'t>, line: usize, table: &mut Section<'t>) -> Option<Self> {
        let is_whole = ["issuer", "audience", "algorithm"].iter().all(|key| table.holds(key))
            && ["key", "key_file", "secret_env"].iter().filter(|key| table.holds(key)).count() == 1;
        if !is_whole {
            let expected = "`admission.issuers` holds tables, each with `issuer`, `audience`, `algorithm` and one of \
                            `key`, `key_file` and `secret_env`; this one does not";
            document.report(line, expected.to_owned());
        }
        let issuer = document.take(table, "issuer", issuer);
        let audience = document.take(table, "audience", words);
        let algorithm = document.take(table, "algorithm", algorithm);
        let text = document.take(table, "key", words).map(KeySource::Text);
        let file = document.take(table, "key_file", words).map(|file| KeySource::File(file.into()));
        let secret = document.take(table, "secret_env", variable).map(KeySource::Environment);
        let native = document.take(table, "native", flag).unwrap_or(false);
        document.finish(table);
        let key = text.or(file).or(secret).filter(|_| is_whole)?;
        let (issuer, audience, algorithm) = (issuer?, audience?, algorithm?);
        if matches!(key, KeySource::Environment(_)) != (algorithm == Algorithm::HS256) {
            let expected = "`admission.issuers.algorithm` is HS256 with `secret_env`, and none other: a secret that \
                            signs stands in the environment";
            document.report(line, expected.to_owned());
            return None;
        }
        Some(Self { issuer, audience, algorithm, key, native })
    }
}

fn algorithm(value: &DeValue<'_>) -> Result<Algorithm, String> {
    Ok(match one_of(&["RS256", "PS256", "ES256", "EdDSA", "HS256"])(value)?.as_str() {
        "RS256" => Algorithm::RS256,
        "PS256" => Algorithm::PS256,
        "ES256" => Algorithm::ES256,
        "EdDSA" => Algorithm::EdDsa,
        _ => Algorithm::HS256,
    })
}

/// A name by which nobody is taken for somebody else: see [`crate::admission::User::name`].
fn issuer(value: &DeValue<'_>) -> Result<String, String> {
    let is_ours = |name: &String| name == LOCAL || name == SHELL || name.starts_with(TELEGRAM);
    words(value).ok().filter(|name| !name.contains(char::is_whitespace) && !is_ours(name)).ok_or_else(|| {
        format!("an issuer's name without spaces, and none of {LOCAL}, {SHELL} and {TELEGRAM}…")
    })
}

fn variable(value: &DeValue<'_>) -> Result<String, String> {
    words(value)
        .ok()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .ok_or_else(|| "the name of a variable of the environment, as in \"ID_SECRET\"".to_owned())
}

fn bots(value: &DeValue<'_>) -> Result<Vec<u64>, String> {
    let id = |value: &DeValue<'_>| {
        let digits = value.as_integer()?;
        u64::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|&id| id > 0)
    };
    let all = value.as_array().and_then(|all| all.iter().map(|one| id(one.get_ref())).collect());
    all.ok_or_else(|| {
        "a list of bots' ids, the digits before the colon of their tokens: [123456789]".to_owned()
    })
}

fn socket_url(value: &DeValue<'_>) -> Result<String, String> {
    words(value)
        .ok()
        .filter(|url| {
            let rest = url.strip_prefix("wss://").or_else(|| url.strip_prefix("ws://"));
            rest.is_some_and(|rest| !rest.starts_with('/') && !rest.contains(['@', '?', '#', ' ']))
        })
        .ok_or_else(|| "the whole address of the socket, as in \"wss://voice.example.org/ws\"".to_owned())
}

const WEEK_S: u32 = 7 * 24 * 60 * 60;
