//! The message that comes most: a piece of the model's voice, and nothing else.

use crate::bytes64;
use bytes::Bytes;

/// The sound of a frame that holds one piece of raw PCM and nothing else; none for any other frame, which is for
/// [`ServerMessage::decode`](crate::ServerMessage::decode). It is the same sound that this would find, without a tree of fields.
pub fn voice(frame: &[u8]) -> Option<Bytes> {
    let mut rest = Rest(frame);
    for name in ["serverContent", "modelTurn", "parts"] {
        rest.sign(b'{')?;
        rest.field(name)?;
    }
    rest.sign(b'[')?;
    rest.sign(b'{')?;
    rest.field("inlineData")?;
    rest.sign(b'{')?;
    let (kind, data) = match rest.name()? {
        b"mimeType" => {
            let kind = rest.text()?;
            rest.sign(b',')?;
            rest.field("data")?;
            (kind, rest.text()?)
        }
        b"data" => {
            let data = rest.text()?;
            rest.sign(b',')?;
            rest.field("mimeType")?;
            (rest.text()?, data)
        }
        _ => return None,
    };
    b"}}]}}}".iter().try_for_each(|sign| rest.sign(*sign))?;
    let is_pcm = kind == b"audio/pcm" || kind.starts_with(b"audio/pcm;") && kind.iter().all(is_plain);
    (rest.is_over() && is_pcm).then(|| bytes64::decode(data))?
}

/// What is left of a frame.
struct Rest<'f>(&'f [u8]);

impl<'f> Rest<'f> {
    /// The next byte that is no white space must be this one.
    fn sign(&mut self, sign: u8) -> Option<()> {
        self.skip_space();
        self.0 = self.0.strip_prefix(&[sign])?;
        Some(())
    }

    /// A field of this name begins.
    fn field(&mut self, name: &str) -> Option<()> {
        (self.name()? == name.as_bytes()).then_some(())
    }

    /// The name of the field that begins.
    fn name(&mut self) -> Option<&'f [u8]> {
        let name = self.text()?;
        self.sign(b':')?;
        Some(name)
    }

    /// A string as it is written; whoever takes it takes no escapes.
    fn text(&mut self) -> Option<&'f [u8]> {
        self.sign(b'"')?;
        let end = memchr::memchr(b'"', self.0)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(text)
    }

    fn is_over(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }
}

/// Whether a byte stands for itself in JSON.
const fn is_plain(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~') && *byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blob, Content, Part, ServerContent, ServerMessage};
    use proptest::prelude::*;

    /// What the grammar finds.
    fn found(frame: &[u8]) -> Option<Bytes> {
        let message = ServerMessage::decode(frame).ok()?;
        let turn = message.server_content?.model_turn?;
        turn.audio().find(|blob| blob.is_pcm()).map(|blob| blob.data.clone())
    }

    fn frame(mime_type: &str, data: &[u8]) -> String {
        let blob = Blob { mime_type: mime_type.to_owned(), data: Bytes::copy_from_slice(data) };
        let turn = Content { parts: vec![Part::inline_data(blob)], ..Content::default() };
        ServerMessage::from(ServerContent { model_turn: Some(turn), ..ServerContent::default() }).encode()
    }

    #[test]
    fn the_service_writes_it_on_one_line_or_on_many_with_either_field_first() {
        let pretty = "{\n  \"serverContent\": {\n    \"modelTurn\": {\n      \"parts\": [\n        {\n          \"inlineData\": {\n            \
                      \"mimeType\": \"audio/pcm;rate=24000\",\n            \"data\": \"AQID\"\n          }\n        }\n      ]\n    }\n  }\n}\n";
        let dense = frame("audio/pcm;rate=24000", &[1, 2, 3]);
        let turned = r#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AQID","mimeType":"audio/pcm"}}]}}}"#;
        for frame in [pretty, &dense, turned] {
            assert_eq!(voice(frame.as_bytes()).as_deref(), Some(&[1, 2, 3][..]), "{frame}");
            assert_eq!(voice(frame.as_bytes()), found(frame.as_bytes()));
        }
    }

    #[test]
    fn what_holds_more_or_less_is_left_to_the_grammar() {
        let plain = frame("audio/pcm;rate=24000", &[1, 2, 3]);
        for (from, to) in [
            ("audio/pcm", "image/png"),
            ("audio/pcm", "audio/pcmx"),
            ("24000", "24\\u0030"),
            ("AQID", "AQ\\u0049D"),
            ("AQID", "AQI"),
            ("AQID", "?"),
            (r#""data""#, r#""other""#),
            (r#"}}]"#, r#"}},{}]"#),
            (r#"]}}}"#, r#"]},"turnComplete":true}}"#),
            (r#"]}}}"#, r#"],"role":"model"}}}"#),
            (r#"]}}}"#, r#"]}},"usageMetadata":{}}"#),
            (r#"]}}}"#, r#"]}}} x"#),
            (r#"]}}}"#, r#"]}}"#),
            ("serverContent", "setupComplete"),
        ] {
            assert!(plain.contains(from), "{from}");
            let frame = plain.replace(from, to);
            if let Some(sound) = voice(frame.as_bytes()) {
                assert_eq!(Some(sound), found(frame.as_bytes()), "{frame}");
                assert_eq!(to, "AQI", "{frame}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_sound_is_heard(data: Vec<u8>) {
            let frame = frame("audio/pcm;rate=24000", &data);
            prop_assert_eq!(voice(frame.as_bytes()), (!data.is_empty()).then(|| data.into()));
        }

        /// It never hears what the grammar would not, nor another sound.
        #[test]
        fn any_damage_leaves_it_with_the_grammar(
            data: Vec<u8>,
            at: prop::sample::Index,
            instead in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\ nulltrue0"[..])], 0..3),
            length in 0..3_usize,
        ) {
            let mut frame = frame("audio/pcm;rate=24000", &data).into_bytes();
            let at = at.index(frame.len());
            let end = frame.len().min(at + length);
            frame.splice(at..end, instead);
            if let Some(sound) = voice(&frame) {
                prop_assert_eq!(Some(sound), found(&frame));
            }
        }
    }
}
