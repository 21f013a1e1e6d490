//! The tools that the model may use, as whoever runs the proxy declares them.

use crate::section::{Document, Section, flag, json, one_of, text, texts, whole, words};
use axum::http::Uri;
use core::time::Duration;
use serde_json::Value;
use toml::de::DeValue;
use vivavoce_session::is_name;

/// A tool: a function that the model may call, and the webhook that runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSettings {
    /// The function, as the model calls it.
    pub name: String,
    /// What it is good for, for the model.
    pub description: String,
    /// Its arguments, as a JSON Schema; none: it takes any.
    pub parameters: Option<Value>,
    /// The webhook.
    pub url: Uri,
    /// The environment's variable that holds what requests are signed with.
    pub secret_env: String,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often it is tried again.
    pub retries: u32,
    /// Whether the model waits for it; none: as the model does by itself.
    pub behaviour: Option<Behaviour>,
    /// When the model hears of the result of one for which it does not wait; none: as the model does by itself.
    pub scheduling: Option<String>,
    /// What people read while it runs.
    pub says: Option<String>,
    /// Whether the person has to allow each call.
    pub confirm: bool,
    /// How it is asked.
    pub format: Format,
    /// Whether it may be on a private network, and without TLS.
    pub allow_private: bool,
}

/// Whether the model waits for a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It is silent until the result comes.
    Blocking,
    /// It goes on talking.
    NonBlocking,
}

/// How a webhook is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One call with all that is known of it; docs/TOOLS.md.
    #[default]
    Vivavoce,
    /// `requestId` and `functionCalls`.
    Handbook,
    /// The arguments alone.
    Flat,
}

/// What a page may run for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFunctions {
    /// The names that pages may declare.
    pub allow: Vec<String>,
    /// How long a page may take for one.
    pub timeout: Duration,
}

impl ToolSettings {
    /// Reads all of them; those with something wrong are left out, and that is noted.
    pub(super) fn take_all<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Vec<Self> {
        let mut tools: Vec<Self> = Vec::new();
        for (line, mut table) in document.tables(root, "tools") {
            let Some(tool) = Self::take(document, &mut table, line) else { continue };
            if tools.iter().any(|other| other.name == tool.name) {
                document.object_at(line, format!("`tools.name`: there are two tools named {}", tool.name));
            } else {
                tools.push(tool);
            }
        }
        tools
    }

    /// Reads one, whose table begins in `line`.
    pub(super) fn take<'t>(
        document: &mut Document<'t>,
        table: &mut Section<'t>,
        line: usize,
    ) -> Option<Self> {
        let (name, description) =
            (document.take(table, "name", name), document.take(table, "description", words));
        let parameters = document.take_schema(table, "parameters", schema);
        let (url, secret_env) =
            (document.take(table, "url", address), document.take(table, "secret_env", variable));
        let timeout_ms = document.take(table, "timeout_ms", whole(100..=120_000)).unwrap_or(10_000);
        let side_effects = document.take(table, "side_effects", flag).unwrap_or(true);
        let retries =
            document.take(table, "retries", whole(0..=5)).unwrap_or(if side_effects { 0 } else { 2 });
        let behaviour = document.take(table, "behaviour", one_of(&["blocking", "non_blocking"]));
        let scheduling = document.take(table, "scheduling", one_of(&["silent", "when_idle", "interrupt"]));
        let says = document.take(table, "says", text).filter(|text| !text.trim().is_empty());
        let confirm = document.take(table, "confirm", flag).unwrap_or(side_effects);
        let format = document.take(table, "format", one_of(&["vivavoce", "handbook", "flat"]));
        let allow_private = document.take(table, "allow_private", flag).unwrap_or(false);
        document.finish(table);
        for key in ["name", "description", "url", "secret_env"] {
            if !document.has(&format!("tools.{key}")) {
                document.object_at(line, format!("`tools.{key}` is missing: every tool has one"));
            }
        }
        document.begin_another("tools.");
        let url = url?;
        if url.scheme_str() == Some("http") && !allow_private {
            let message = "`tools.url` begins with https:// unless `allow_private` says that it is near";
            document.object_at(line, message.to_owned());
        }
        if scheduling.is_some() && behaviour.as_deref() != Some("non_blocking") {
            let message = "`tools.scheduling` is for tools whose `behaviour` is \"non_blocking\"";
            document.object_at(line, message.to_owned());
        }
        Some(Self {
            name: name?,
            description: description?,
            parameters,
            url,
            secret_env: secret_env?,
            timeout: Duration::from_millis(timeout_ms.into()),
            retries,
            behaviour: behaviour.map(|name| match name.as_str() {
                "blocking" => Behaviour::Blocking,
                _ => Behaviour::NonBlocking,
            }),
            scheduling: scheduling.map(|name| name.to_ascii_uppercase()),
            says,
            confirm,
            format: match format.as_deref() {
                Some("handbook") => Format::Handbook,
                Some("flat") => Format::Flat,
                _ => Format::Vivavoce,
            },
            allow_private,
        })
    }
}

impl PageFunctions {
    pub(super) fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(root, "page_functions");
        let allow = document.take(table, "allow", names).unwrap_or_default();
        let timeout = document.take(table, "timeout_ms", whole(100..=120_000));
        document.finish(table);
        let timeout = timeout.map_or(default.timeout, |ms| Duration::from_millis(ms.into()));
        Self { allow, timeout }
    }
}

impl Default for PageFunctions {
    fn default() -> Self {
        Self { allow: Vec::new(), timeout: Duration::from_secs(20) }
    }
}

const NAME: &str =
    "a function's name: a letter or underscore, then up to 127 letters, digits, `_`, `.`, `:` or `-`";

fn name(value: &DeValue<'_>) -> Result<String, String> {
    words(value).ok().filter(|name| is_name(name)).ok_or_else(|| NAME.to_owned())
}

fn names(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    texts(value)
        .ok()
        .filter(|names| names.iter().all(|name| is_name(name)))
        .ok_or_else(|| format!("a list of functions' names, each {NAME}"))
}

fn schema(value: &DeValue<'_>) -> Result<Value, String> {
    let schema = json(value)?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("a JSON Schema whose `type` is \"object\"".to_owned());
    }
    match jsonschema::validator_for(&schema) {
        Ok(_) => Ok(schema),
        Err(error) => Err(format!("a JSON Schema ({error})")),
    }
}

fn address(value: &DeValue<'_>) -> Result<Uri, String> {
    let uri = words(value).ok().and_then(|url| url.parse::<Uri>().ok());
    let uri = uri.filter(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
        is_web && uri.host().is_some_and(|host| !host.is_empty())
    });
    uri.ok_or_else(|| "the webhook's address, as in \"https://n8n.example/webhook/email-agent\"".to_owned())
}

fn variable(value: &DeValue<'_>) -> Result<String, String> {
    let is_one = |name: &String| {
        let rest =
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        rest && !name.starts_with(|first: char| first.is_ascii_digit())
    };
    words(value).ok().filter(is_one).ok_or_else(|| {
        "the name of the environment's variable that holds the secret, as in \"EMAIL_TOOL_SECRET\"".to_owned()
    })
}
