//! How the service closes: the codes and the literal reasons that were seen.

use crate::model::Version;
use crate::script::Close;

/// No key, no token.
pub fn unregistered() -> Close {
    Close::new(
        1008,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key \
         or other form of API consumer identity to call this API.",
    )
}

/// A key that opens nothing.
pub fn bad_key() -> Close {
    Close::new(1007, "API key not valid. Please pass a valid API key.")
}

/// A token that is none, or two of them.
pub fn bad_token() -> Close {
    Close::new(1007, "Missing or malformed auth token")
}

/// A token whose uses are used up.
pub fn used_token() -> Close {
    Close::new(1011, "Token has been used too many times")
}

/// A model that is not there.
pub fn unknown_model(model: &str, version: Version) -> Close {
    let version = version.name();
    Close::new(
        1008,
        format!(
            "{model} is not found for API version {version}, or is not supported for bidiGenerateContent. \
             Call ModelService.ListModels to see the list of available models and their supported methods."
        ),
    )
}

/// A field that is not there; `path` is empty at the top.
pub fn unknown_name(name: &str, path: &str) -> Close {
    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    Close::new(
        1007,
        format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."),
    )
}

/// A field that holds what it cannot.
pub fn invalid_value(path: &str, problem: &str) -> Close {
    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    Close::new(1007, format!("Invalid value{place}: {problem}"))
}

/// A name that an enumeration does not have.
pub fn invalid_enum(path: &str, name: &str) -> Close {
    Close::new(1007, format!("Invalid value at '{path}' (TYPE_ENUM), \"{name}\""))
}

/// A voice that is not there, or not in this spelling.
pub fn unknown_voice(name: &str, model: &str) -> Close {
    Close::new(1007, format!("Requested voice api_name '{name}' is not available for model {model}"))
}

/// Not JSON at all.
pub fn malformed() -> Close {
    Close::new(1007, "Invalid JSON payload received. Unexpected token.")
}

/// The setup missing, or coming twice.
pub fn setup_order() -> Close {
    Close::new(1007, "setup must be the first message and only the first")
}

/// The catch-all.
pub fn invalid_argument() -> Close {
    Close::new(1007, "Request contains an invalid argument.")
}

/// Text asked of a model that only speaks, or no modality.
pub fn no_voices() -> Close {
    Close::new(1007, "Cannot extract voices from a non-audio request")
}

/// The old shape of audio.
pub fn media_chunks() -> Close {
    Close::new(1007, "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.")
}

/// Markers where the service listens by itself.
pub fn explicit_activity() -> Close {
    Close::new(
        1007,
        "Explicit activity control is not supported when automatic activity detection is enabled",
    )
}

/// A fault of the service, or one that it takes for its own.
pub fn internal() -> Close {
    Close::new(1011, "Internal error encountered.")
}

/// A handle that is not there.
pub fn unknown_handle() -> Close {
    Close::new(1008, "Requested entity was not found.")
}

/// A handle whose two hours are over, or whose session was too long.
pub fn expired_session() -> Close {
    Close::new(1008, "BidiGenerateContent session expired")
}

/// A session that grew too old.
pub fn aborted() -> Close {
    Close::new(1008, "The operation was aborted")
}

impl Close {
    /// The reason as it fits into a close frame: at most 123 bytes.
    pub fn cut_reason(&self) -> &str {
        let mut end = self.reason.len().min(MOST_REASON_BYTES);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        &self.reason[..end]
    }
}

/// A control frame holds 125 bytes, two of them the code.
const MOST_REASON_BYTES: usize = 123;

#[cfg(test)]
mod tests {
    use super::unknown_model;
    use crate::model::Version;
    use crate::script::Close;

    #[test]
    fn cuts_reasons_at_123_bytes_and_between_letters() {
        let close = unknown_model("models/gemini-2.0-old", Version::V1beta);
        assert_eq!(close.cut_reason().len(), 123);
        assert!(close.cut_reason().contains("or is not supported for bidiGenerateContent. Call Model"));
        assert_eq!(Close::new(1000, "ä".repeat(100)).cut_reason(), "ä".repeat(61));
        assert_eq!(Close::new(1000, "short").cut_reason(), "short");
    }
}
