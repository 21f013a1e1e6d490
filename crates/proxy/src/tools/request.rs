//! What a webhook is sent, and the signature over it.

use super::Visitor;
use crate::config::Format;
use core::fmt::Write;
use ring::hmac;
use serde_json::{Value, json};
use vivavoce_session::Job;

/// The body of a request.
pub(super) fn body(format: Format, job: &Job, visitor: &Visitor) -> Vec<u8> {
    let body = match format {
        Format::Vivavoce => json!({
            "v": 1,
            "key": job.key,
            "id": job.id,
            "name": job.name,
            "arguments": job.arguments,
            "confirmed": job.confirmed,
            "user": user(visitor),
            "call": visitor.call,
        }),
        Format::Handbook => json!({
            "requestId": job.key,
            "functionCalls": [{"id": job.id, "name": job.name, "args": job.arguments}],
            "user": user(visitor),
        }),
        Format::Flat => Value::Object(job.arguments.clone()),
    };
    body.to_string().into_bytes()
}

fn user(visitor: &Visitor) -> Value {
    json!({"by": visitor.user.by, "id": visitor.user.id})
}

/// `sha256=` and the HMAC-SHA256, in hexadecimal digits, of the time, a dot and the body.
pub(super) fn signature(key: &hmac::Key, timestamp: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(timestamp.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = "sha256=".to_owned();
    for byte in context.sign().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A text as a header may hold it: what is not plain is written in percent signs.
pub(super) fn header(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@ ".contains(&byte) {
            plain.push(byte.into());
        } else {
            let _ = write!(plain, "%{byte:02X}");
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::User;

    fn job() -> Job {
        Job {
            key: "k-1".into(),
            id: "call_7".into(),
            name: "send_email".into(),
            arguments: json!({"to": "me"}).as_object().unwrap().clone(),
            confirmed: true,
            is_begun: false,
        }
    }

    #[test]
    fn signs_the_time_and_the_body() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let signature = signature(&key, 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(signature, "sha256=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
    }

    #[test]
    fn has_three_forms() {
        let visitor = Visitor { user: User::of_telegram(1, 7), call: "c".into() };
        let body = |format| serde_json::from_slice::<Value>(&body(format, &job(), &visitor)).unwrap();
        assert_eq!(
            body(Format::Vivavoce),
            json!({"v": 1, "key": "k-1", "id": "call_7", "name": "send_email", "arguments": {"to": "me"},
                "confirmed": true, "user": {"by": "telegram:1", "id": "7"}, "call": "c"})
        );
        assert_eq!(
            body(Format::Handbook),
            json!({"requestId": "k-1", "functionCalls": [{"id": "call_7", "name": "send_email",
                "args": {"to": "me"}}], "user": {"by": "telegram:1", "id": "7"}})
        );
        assert_eq!(body(Format::Flat), json!({"to": "me"}));
    }

    #[test]
    fn keeps_lines_out_of_headers() {
        assert_eq!(header("telegram:1"), "telegram:1");
        assert_eq!(header("a\r\nX-Evil: ä%"), "a%0D%0AX-Evil: %C3%A4%25");
    }
}
