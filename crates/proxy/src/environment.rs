//! What comes from the environment: all that is secret, and where this machine keeps its certificates.

use crate::program::Lookup;
use core::fmt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Settings that stand in no file.
#[derive(Clone, Default)]
pub struct Environment {
    /// Opens Gemini: `GEMINI_API_KEY`.
    pub key: Option<String>,
    /// Where proxies share their calls: `REDIS_URL`.
    pub redis_url: Option<String>,
    /// What this machine is called: `HOSTNAME`, or else what the kernel says.
    pub hostname: Option<String>,
    /// Of the bots whose Mini Apps may call: `TELEGRAM_BOT_TOKEN`, separated by commas.
    pub bot_tokens: Vec<String>,
    /// Sign tickets, the newest first: `VIVAVOCE_SIGNING_KEY`, separated by commas.
    pub signing_keys: Vec<String>,
    /// Authorities to be trusted besides those that browsers trust: `SSL_CERT_FILE`.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Those that the settings name, by their variables: see [`Environment::learn`].
    pub secrets: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the environment through `lookup`; what is empty counts as absent.
    ///
    /// # Errors
    /// A file that is named is not there or holds no certificates.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, AuthoritiesError> {
        let set = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let authorities = set("SSL_CERT_FILE").map(|file| authorities(Path::new(&file))).transpose()?;
        Ok(Self {
            key: set("GEMINI_API_KEY"),
            redis_url: set("REDIS_URL"),
            hostname: set("HOSTNAME").or_else(kernel_hostname),
            bot_tokens: several(set("TELEGRAM_BOT_TOKEN")),
            signing_keys: several(set("VIVAVOCE_SIGNING_KEY")),
            secrets: BTreeMap::new(),
            authorities: authorities.unwrap_or_default(),
        })
    }

    /// Reads the secrets that settings name: of JWT issuers and of tools. What is empty counts as absent here, too.
    pub fn learn<'n>(&mut self, names: impl Iterator<Item = &'n str>, lookup: Lookup<'_>) {
        let secrets = names.filter_map(|name| Some((name.to_owned(), lookup(name)?)));
        self.secrets = secrets.filter(|(_, secret)| !secret.trim().is_empty()).collect();
    }
}

/// Several values in one.
fn several(value: Option<String>) -> Vec<String> {
    let value = value.unwrap_or_default();
    value.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// Says which secrets there are and never what.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|_| "…");
        f.debug_struct("Environment")
            .field("key", &key)
            .field("redis_url", &self.redis_url.as_ref().map(|_| "…"))
            .field("bot_tokens", &self.bot_tokens.len())
            .field("signing_keys", &self.signing_keys.len())
            .field("authorities", &self.authorities.len())
            .field("secrets", &self.secrets.keys())
            .finish()
    }
}

fn kernel_hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let problem = |error: String| AuthoritiesError { file: file.to_owned(), error };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| problem(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    certificates.map_err(|error| problem(error.to_string()))
}

/// `SSL_CERT_FILE` names no file of certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritiesError {
    file: PathBuf,
    error: String,
}

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        write!(f, "SSL_CERT_FILE names \"{file}\", which is no file of PEM certificates: {}", self.error)
    }
}

impl std::error::Error for AuthoritiesError {}
