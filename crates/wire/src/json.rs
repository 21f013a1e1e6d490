//! JSON by hand, for the page: a reader and a writer of flat objects that weigh a tenth of a general parser.

use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Some JSON value as text, carried and not read: arguments and results are between the model and its tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// The value as JSON text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The value itself.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Text that is a value, as the caller knows; no reader understands messages with text that is none.
    pub fn raw(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        Self(value.to_string())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(|value| Self::from(&value))
    }
}

/// The fields of the object that is the whole of `text`: their names, and their values as they stand there.
///
/// # Errors
/// What JSON wants at the place where it is none.
pub(crate) fn fields(text: &str) -> Result<Vec<(String, &str)>, &'static str> {
    let mut reader = Reader { text, at: 0 };
    let mut found = Vec::new();
    reader.object(DEEPEST, &mut |name, value| found.push((name, value)))?;
    reader.space();
    if reader.at == text.len() { Ok(found) } else { Err("nothing after the object") }
}

/// The string that a JSON value is, if it is one.
pub(crate) fn string(value: &str) -> Option<String> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut string = String::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(char) = rest.next() {
        string.push(if char == '\\' { unescape(&mut rest)? } else { char });
    }
    Some(string)
}

fn unescape(rest: &mut core::str::Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => unescape_unit(rest)?,
        plain => plain,
    })
}

/// One UTF-16 unit in four hexadecimal digits, or two such that make one character.
fn unescape_unit(rest: &mut core::str::Chars<'_>) -> Option<char> {
    let high = unit(rest)?;
    if !(0xD800..0xDC00).contains(&high) {
        return char::from_u32(high);
    }
    if rest.next()? != '\\' || rest.next()? != 'u' {
        return None;
    }
    let low = unit(rest)?.wrapping_sub(0xDC00);
    if low < 0x400 { char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low) } else { None }
}

fn unit(rest: &mut core::str::Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit << 4 | rest.next()?.to_digit(16)?;
    }
    Some(unit)
}

/// Goes through JSON text and says where it is none.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn object(&mut self, depth: u32, tell: &mut dyn FnMut(String, &'a str)) -> Result<(), &'static str> {
        self.expect(b'{', "an object")?;
        if self.is_next(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let start = self.at;
            self.string()?;
            let name = self.since(start);
            self.expect(b':', "a colon after a name")?;
            self.space();
            let start = self.at;
            self.value(depth)?;
            tell(string(name).ok_or("a name without broken escapes")?, self.since(start));
            if self.is_next(b'}') {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of the object")?;
        }
    }

    fn value(&mut self, depth: u32) -> Result<(), &'static str> {
        let Some(depth) = depth.checked_sub(1) else { return Err("fewer values within values") };
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth, &mut |_, _| {}),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
            None => Err("a value"),
        }
    }

    fn array(&mut self, depth: u32) -> Result<(), &'static str> {
        self.at += 1;
        if self.is_next(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if self.is_next(b']') {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of the array")?;
        }
    }

    fn string(&mut self) -> Result<(), &'static str> {
        if self.next() != Some(b'"') {
            return Err("a name or a string in quotes");
        }
        let start = self.at - 1;
        loop {
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) | None => return Err("the end of a string"),
                Some(_) => {}
            }
        }
        // Only a pair of escapes can still be wrong.
        if string(self.since(start)).is_some() { Ok(()) } else { Err("escapes in pairs") }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') => Ok(()),
            _ => Err("an escape that there is"),
        }
    }

    fn number(&mut self) -> Result<(), &'static str> {
        self.at += usize::from(self.peek() == Some(b'-'));
        let start = self.at;
        let leading_zero = self.peek() == Some(b'0');
        self.digits()?;
        if leading_zero && self.at > start + 1 {
            return Err("a number without leading zeros");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), &'static str> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err("a digit") }
    }

    fn word(&mut self) -> Result<(), &'static str> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
        self.at += word.ok_or("a value")?.len();
        Ok(())
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), &'static str> {
        if self.is_next(byte) { Ok(()) } else { Err(name) }
    }

    /// Whether that byte comes next, after space; passes it then.
    fn is_next(&mut self, byte: u8) -> bool {
        self.space();
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// Writes an object, field by field.
#[derive(Debug)]
pub struct Writer(String);

impl Default for Writer {
    /// An object without fields so far.
    fn default() -> Self {
        Self(String::from("{"))
    }
}

impl Writer {
    /// An object of that `type`.
    pub fn of(kind: &str) -> Self {
        let mut writer = Self::default();
        writer.text("type", kind);
        writer
    }

    /// A field that is a string.
    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quote(text);
    }

    /// A field that is JSON already.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.push_str(json);
    }

    /// A field that is true or false.
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.raw(name, if flag { "true" } else { "false" });
    }

    /// A field that is a whole number.
    pub fn number(&mut self, name: &str, number: u64) {
        self.raw(name, &digits(number));
    }

    /// The object, as JSON text.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.quote(name);
        self.0.push(':');
    }

    fn quote(&mut self, text: &str) {
        self.0.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => self.0.extend(['\\', char]),
                '\0'..' ' => self.escape(char as u8),
                _ => self.0.push(char),
            }
        }
        self.0.push('"');
    }

    fn escape(&mut self, control: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0.push_str("\\u00");
        self.0.push(char::from(DIGITS[usize::from(control >> 4)]));
        self.0.push(char::from(DIGITS[usize::from(control & 15)]));
    }
}

/// A whole number in decimal digits, without the formatter that `to_string` brings into a page.
pub fn digits(number: u64) -> String {
    let mut digits = if number > 9 { digits(number / 10) } else { String::new() };
    digits.push(char::from(b'0' + (number % 10) as u8));
    digits
}

/// Texts in a row: what `concat` does, in a tenth of the bytes.
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// As many values within values as serde's own parser takes.
const DEEPEST: u32 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 7, 9, 10, 99, 100, 24_000, 9_007_199_254_740_993, u64::MAX] {
            assert_eq!(digits(number), number.to_string());
        }
    }
}
