//! A TOML table that is read key by key, so that everything wrong with it is said at once, with its line.

use core::ops::RangeInclusive;
use std::collections::BTreeMap;
use std::fmt;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, counted from 1; 0 if it is nowhere in particular.
    pub line: usize,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

/// A document on its way to becoming settings: its text, and what is wrong so far.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    /// Where each key that was taken stands.
    lines: BTreeMap<String, usize>,
    /// Every key that was asked for.
    known: Vec<String>,
    problems: Vec<Problem>,
}

/// What is left of one table: keys go as they are taken.
#[derive(Debug, Default)]
pub(crate) struct Section<'t> {
    /// With a dot at its end; empty for the top of the file.
    prefix: String,
    table: DeTable<'t>,
    /// Keys that were asked for: what may stand here.
    known: Vec<&'static str>,
}

impl<'t> Document<'t> {
    /// Reads the text; broken lines become problems, the others are there.
    pub(crate) fn parse(text: &'t str) -> (Self, Section<'t>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Self { text, lines: BTreeMap::new(), known: Vec::new(), problems: Vec::new() };
        for error in errors {
            let line = error.span().map_or(0, |span| document.line(span.start));
            document.report(line, error.message().to_owned());
        }
        (document, Section { prefix: String::new(), table: root.into_inner(), known: Vec::new() })
    }

    /// The value of `key` as `read` understands it; none if it is not there or wrong, which is noted.
    pub(crate) fn take<T>(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.take_unless(section, key, holds_secret, read)
    }

    /// The same of a schema, in which what is called a key or a token is none.
    pub(crate) fn take_schema<T>(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.take_unless(section, key, says_secret, read)
    }

    fn take_unless<T>(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        is_secret: impl FnOnce(&DeValue<'_>) -> bool,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        let path = format!("{}{key}", section.prefix);
        section.known.push(key);
        self.known.push(path.clone());
        let (name, value) = section.table.remove_entry(key)?;
        let line = self.line(name.span().start);
        self.lines.insert(path.clone(), line);
        if is_secret(value.get_ref()) {
            self.report(line, format!("`{path}` {SECRET}"));
            return None;
        }
        let read = read(value.get_ref()).map_err(|expected| {
            self.report(line, format!("`{path}` is {expected}; found {}", shown(value.get_ref())));
        });
        read.ok()
    }

    /// The table `key`, empty if it is not there.
    pub(crate) fn section(&mut self, parent: &mut Section<'t>, key: &'static str) -> Section<'t> {
        parent.known.push(key);
        let empty = Section { prefix: format!("{}{key}.", parent.prefix), ..Section::default() };
        let Some((name, value)) = parent.table.remove_entry(key) else { return empty };
        match value.into_inner() {
            DeValue::Table(table) => Section { table, ..empty },
            other => {
                let line = self.line(name.span().start);
                self.report(line, format!("`{key}` is a table, `[{key}]`; found {}", shown(&other)));
                empty
            }
        }
    }

    /// The tables of the list `key`, each with its line; none if it is not there.
    pub(crate) fn tables(
        &mut self,
        parent: &mut Section<'t>,
        key: &'static str,
    ) -> Vec<(usize, Section<'t>)> {
        let path = format!("{}{key}", parent.prefix);
        parent.known.push(key);
        self.known.push(path.clone());
        let Some((name, value)) = parent.table.remove_entry(key) else { return Vec::new() };
        let line = self.line(name.span().start);
        let DeValue::Array(values) = value.into_inner() else {
            self.report(line, format!("`{path}` is a list of tables, each `[[{path}]]`"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for value in values {
            let line = self.line(value.span().start);
            match value.into_inner() {
                DeValue::Table(table) => {
                    let prefix = format!("{path}.");
                    tables.push((line, Section { prefix, table, known: Vec::new() }));
                }
                other => self.report(line, format!("`{path}` is a list of tables; found {}", shown(&other))),
            }
        }
        tables
    }

    /// Whether a key was there, right or wrong.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.lines.contains_key(path)
    }

    /// Forgets where the keys under `prefix` stood: another table has the same.
    pub(crate) fn begin_another(&mut self, prefix: &str) {
        self.lines.retain(|path, _| !path.starts_with(prefix));
    }

    /// Notes a problem with a line.
    pub(crate) fn object_at(&mut self, line: usize, message: String) {
        self.report(line, message);
    }

    /// Complains of every key that nobody asked for.
    pub(crate) fn finish(&mut self, section: &Section<'t>) {
        let known = section.known.join(", ");
        for (name, value) in &section.table {
            let key = format!("{}{}", section.prefix, name.get_ref());
            let message = if names_secret(name.get_ref()) || holds_secret(value.get_ref()) {
                format!("`{key}` {SECRET}")
            } else {
                format!("unknown key `{key}`; known here: {known}")
            };
            self.report(self.line(name.span().start), message);
        }
    }

    /// Notes a problem with a key that was taken.
    pub(crate) fn object(&mut self, path: &str, message: String) {
        self.report(self.lines.get(path).copied().unwrap_or_default(), message);
    }

    /// Every key that was asked for, with the tables it is in.
    pub(crate) fn into_known(self) -> Vec<String> {
        self.known
    }

    /// All that is wrong, in the file's order.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort();
        self.problems.dedup();
        self.problems
    }

    /// Notes a problem with a line.
    pub(crate) fn report(&mut self, line: usize, message: String) {
        self.problems.push(Problem { line, message });
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
    }
}

impl Section<'_> {
    /// Whether a key stands in it that was not taken yet.
    pub(crate) fn holds(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }
}

impl Section<'_> {
    /// An empty table.
    pub(crate) fn of(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::default() }
    }
}

/// A text that says something.
pub(crate) fn words(value: &DeValue<'_>) -> Result<String, String> {
    let read = value.as_str().filter(|text| !text.trim().is_empty());
    read.map(str::to_owned).ok_or_else(|| "a text in quotes, not empty".to_owned())
}

/// Any text.
pub(crate) fn text(value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "a text in quotes".to_owned())
}

/// Several texts.
pub(crate) fn texts(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let all = value.as_array().and_then(|all| all.iter().map(|one| text(one.get_ref()).ok()).collect());
    all.ok_or_else(|| "a list of texts in quotes".to_owned())
}

/// true or false.
pub(crate) fn flag(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "true or false".to_owned())
}

/// A whole number in `range`.
pub(crate) fn whole(range: RangeInclusive<u32>) -> impl Fn(&DeValue<'_>) -> Result<u32, String> {
    move |value| {
        let number =
            value.as_integer().and_then(|digits| u32::from_str_radix(digits.as_str(), digits.radix()).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A number in `range`.
pub(crate) fn number(range: RangeInclusive<f64>) -> impl Fn(&DeValue<'_>) -> Result<f64, String> {
    move |value| {
        let digits = value.as_float().map(DeFloat::as_str);
        let digits = digits.or_else(|| value.as_integer().map(DeInteger::as_str));
        digits
            .and_then(|digits| digits.parse().ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("a number from {} to {}", range.start(), range.end()))
    }
}

/// Any value, as JSON has it.
pub(crate) fn json(value: &DeValue<'_>) -> Result<serde_json::Value, String> {
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Integer(digits) => {
            let number = i64::from_str_radix(digits.as_str(), digits.radix());
            number.map_err(|_| "values with whole numbers below 2^63".to_owned())?.into()
        }
        DeValue::Float(digits) => {
            let number = digits.as_str().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or("values with finite numbers")?.into()
        }
        DeValue::Array(values) => {
            values.iter().map(|value| json(value.get_ref())).collect::<Result<_, _>>()?
        }
        DeValue::Table(table) => {
            let pairs =
                table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), json(value.get_ref())?)));
            serde_json::Value::Object(pairs.collect::<Result<_, String>>()?)
        }
        DeValue::Datetime(_) => return Err("values without dates".to_owned()),
    })
}

/// One of some names.
pub(crate) fn one_of(names: &'static [&'static str]) -> impl Fn(&DeValue<'_>) -> Result<String, String> {
    move |value| {
        let name = value.as_str().filter(|name| names.contains(name));
        name.map(str::to_owned).ok_or_else(|| format!("one of {}", names.join(", ")))
    }
}

/// Whether a text looks like a key of the service, a bot's token, or an address with a password in it.
pub(crate) fn looks_secret(text: &str) -> bool {
    let google = text.starts_with("AIza") && text.len() >= 30;
    let bot = text.split_once(':').is_some_and(|(id, rest)| {
        id.len() >= 6 && id.bytes().all(|byte| byte.is_ascii_digit()) && rest.len() >= 30
    });
    let address = text.split_once("://").is_some_and(|(_, rest)| {
        let host = rest.split('/').next().unwrap_or_default();
        let mut settings = rest.split(['?', '&', '#', ';']).skip(1).filter_map(|pair| pair.split_once('='));
        host.contains('@') || settings.any(|(name, value)| names_secret(name) && !value.is_empty())
    });
    google || bot || address
}

/// What follows the name of a key that should not be there.
const SECRET: &str = "looks like a secret, and a secret never stands in a file: delete the line and put it \
                                 into the environment (the service's key as GEMINI_API_KEY)";

fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "token", "secret", "password"].iter().any(|word| key.contains(word))
}

fn holds_secret(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(table) => {
            table.iter().any(|(name, value)| names_secret(name.get_ref()) || holds_secret(value.get_ref()))
        }
        DeValue::Array(values) => values.iter().any(|value| holds_secret(value.get_ref())),
        DeValue::String(text) => looks_secret(text),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => false,
    }
}

/// Whether a text in it looks like a secret, whatever it is called.
fn says_secret(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(table) => table.values().any(|value| says_secret(value.get_ref())),
        DeValue::Array(values) => values.iter().any(|value| says_secret(value.get_ref())),
        DeValue::String(text) => looks_secret(text),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => false,
    }
}

/// A value for a message: never a secret, never long.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.len() <= 60 && !looks_secret(text) => format!("\"{text}\""),
        DeValue::Integer(digits) => digits.as_str().to_owned(),
        DeValue::Float(digits) => digits.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        other => format!("a value of type {}", other.type_str()),
    }
}
