//! How deep JSON may go.

use vivavoce_wire::{Code, Trouble};

/// What is wrong with a message in which values lie within more than `most` others.
pub(crate) fn objection(json: &[u8], most: u32) -> Option<Trouble> {
    let found = deepest(json);
    (found > most).then(|| {
        let detail = format!("expected values within values at most {most} deep; found {found}");
        Trouble::misunderstood(Code::BadMessage, detail)
    })
}

/// Objects and lists that are open at the same time, texts aside.
fn deepest(json: &[u8]) -> u32 {
    let (mut open, mut deepest) = (0_u32, 0);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_open_and_nothing_in_texts() {
        for (json, depth) in [
            ("", 0),
            ("1", 0),
            ("{}", 1),
            (r#"[{"a":[]},[]]"#, 3),
            (r#"{"a":"[[[[","b":"\"[[\\"}"#, 1),
            (r#"{"a":"\\","b":[[]]}"#, 3),
            ("]]]][", 1),
        ] {
            assert_eq!(deepest(json.as_bytes()), depth, "{json}");
        }
        assert!(objection(b"[[]]", 2).is_none());
        assert!(objection(b"[[[]]]", 2).is_some_and(|trouble| trouble.message.contains("found 3")));
    }
}
