//! What a webhook's answers mean to the model.

use super::webhook::Failure;
use axum::http::StatusCode;
use serde_json::{Value, json};
use vivavoce_gemini::Object;

/// What the model is told of an answer.
///
/// # Errors
/// What is wrong with it.
pub(super) fn understand(status: StatusCode, body: &[u8]) -> Result<Object, Failure> {
    if status.is_redirection() {
        return Err(Failure::lasting("it answered that it is elsewhere, where it is not asked"));
    }
    if !status.is_success() {
        let words = format!("it answered with the error {}", status.as_u16());
        let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        return Err(if passes { Failure::passing(&words) } else { Failure::lasting(&words) });
    }
    if status == StatusCode::NO_CONTENT {
        return Ok(object(json!({"output": {"status": "done"}})));
    }
    if body.trim_ascii().is_empty() {
        return Err(Failure::lasting("it answered with nothing"));
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| {
        let is_page = body.trim_ascii_start().starts_with(b"<");
        Failure::lasting(if is_page { "it answered with a web page" } else { "its answer is no JSON" })
    })?;
    Ok(response(&value))
}

/// The response in an answer: as one of the three formats has it, or the whole of it.
fn response(value: &Value) -> Object {
    let inner = value.get("response").or_else(|| value.get("functionResponses")?.get(0)?.get("response"));
    match inner.unwrap_or(value) {
        Value::Object(response) if response.contains_key("output") || response.contains_key("error") => {
            response.clone()
        }
        other => object(json!({"output": other})),
    }
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => Object::from_iter([("output".into(), other)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_formats() {
        for (answer, told) in [
            (r#"{"output":{"table":12}}"#, json!({"output": {"table": 12}})),
            (r#"{"error":"full"}"#, json!({"error": "full"})),
            (r#"{"id":"a","name":"f","response":{"output":1}}"#, json!({"output": 1})),
            (r#"{"functionResponses":[{"name":"f","response":{"a":1}}]}"#, json!({"output": {"a": 1}})),
            (r#"{"table":12}"#, json!({"output": {"table": 12}})),
            ("[1]", json!({"output": [1]})),
            ("null", json!({"output": null})),
        ] {
            let understood = understand(StatusCode::OK, answer.as_bytes()).unwrap();
            assert_eq!(Value::Object(understood), told, "{answer}");
        }
        assert!(understand(StatusCode::NO_CONTENT, b"").unwrap().contains_key("output"));
    }

    #[test]
    fn says_what_is_wrong() {
        for (status, body, words, passes) in [
            (200, "", "nothing", false),
            (200, " <!DOCTYPE html><p>n8n", "a web page", false),
            (200, "done", "no JSON", false),
            (302, "", "elsewhere", false),
            (404, "{}", "404", false),
            (429, "{}", "429", true),
            (500, "<html>", "500", true),
        ] {
            let failure = understand(StatusCode::from_u16(status).unwrap(), body.as_bytes()).unwrap_err();
            assert!(
                failure.words.contains(words) && failure.passes == passes,
                "{status} {body}: {failure:?}"
            );
        }
    }
}
