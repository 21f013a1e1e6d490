//! Why a frame could not be read.

use core::fmt;

/// Why a frame could not be read. It holds nothing of what was said, so that it may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What would have been right.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// In which line, from 1; 0 if it belongs to none.
    pub line: usize,
    /// At which byte of the line, from 1; 0 if at none.
    pub column: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if self.line > 0 {
            write!(f, " at line {} column {}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl core::error::Error for DecodeError {}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
        // "invalid type: string \"…\", expected a boolean": the middle quotes what was said, the end does not.
        let (found, expected) = match text.rsplit_once(", expected ") {
            Some((found, expected)) => (kind(found), expected),
            None => (text, if error.is_data() { "a message of the protocol" } else { "JSON" }),
        };
        Self { expected: expected.to_owned(), found: found.to_owned(), line, column }
    }
}

/// What was found, without its value: from `invalid type: string "…"` the `string`.
fn kind(found: &str) -> &str {
    let found = found.split_once(": ").map_or(found, |(_, found)| found);
    found.split(['"', '`']).next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use crate::{ClientMessage, ServerMessage};

    #[test]
    fn says_what_was_expected_and_what_was_found() {
        for (frame, message) in [
            ("", "expected JSON, found EOF while parsing a value at line 1 column 0"),
            ("hello", "expected JSON, found expected value at line 1 column 1"),
            ("7", "expected struct ServerMessage, found integer at line 1 column 1"),
            (
                r#"{"serverContent":{"interrupted":"secret"}}"#,
                "expected a boolean, found string at line 1 column 40",
            ),
            (
                r#"{"serverContent":{"interrupted":"a, expected b"}}"#,
                "expected a boolean, found string at line 1 column 47",
            ),
            (r#"{"toolCall":{"functionCalls":7}}"#, "expected a sequence, found integer at line 1 column 30"),
        ] {
            assert_eq!(ServerMessage::decode(frame.as_bytes()).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_client_says_exactly_one_thing() {
        for (frame, found) in [
            ("{}", "none of them"),
            (r#"{"setup":null}"#, "none of them"),
            (r#"{"setup":{},"realtime_input":{}}"#, "setup and realtimeInput"),
        ] {
            let error = ClientMessage::decode(frame.as_bytes()).unwrap_err();
            assert_eq!(error.found, found, "{frame}");
            assert_eq!(error.expected, "exactly one of setup, clientContent, realtimeInput, toolResponse");
        }
    }
}
