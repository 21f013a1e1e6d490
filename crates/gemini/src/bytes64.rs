//! Bytes as base64.

use crate::grammar::Form;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use core::fmt;
use serde::Serializer;
use serde::de::{Deserializer, Error, Visitor};

/// Writes `bytes` as the service does: standard alphabet, padded.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    base64_simd::STANDARD.encode_append(bytes, text);
}

/// Appends `bytes` in the same way.
pub(crate) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    base64_simd::STANDARD.encode_append(bytes, out);
}

/// Reads base64 of either alphabet, padded or not; `None` if it is none.
pub(crate) fn decode(text: &[u8]) -> Option<Bytes> {
    // The service and most clients write the standard alphabet, padded; Google's Python client does not.
    let bytes = base64_simd::STANDARD.decode_to_vec(text).ok();
    let bytes = bytes.or_else(|| STANDARD.decode(text).ok()).or_else(|| URL_SAFE.decode(text).ok());
    bytes.map(Bytes::from)
}

impl Form for Bytes {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        encode_into(self, &mut text);
        serializer.serialize_str(&text)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64)
    }
}

struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        decode(text.as_bytes()).ok_or_else(|| E::custom("invalid value: other text, expected base64"))
    }
}

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&[0xfb, 0xff][..]), "{text}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["a", "ab!d", "ab==cd==", "+_8=", "ab cd", "="] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            let mut text = String::new();
            encode_into(&bytes, &mut text);
            let url_safe = text.replace('+', "-").replace('/', "_");
            prop_assert_eq!(decode(url_safe.trim_end_matches('=').as_bytes()), Some(bytes.clone().into()));
            prop_assert_eq!(decode(text.as_bytes()), Some(bytes.into()));
        }
    }
}
