//! Durations as seconds with an `s`: `"50s"`, `"0.200s"`.

use crate::grammar::Form;
use core::fmt;
use core::time::Duration;
use serde::Serializer;
use serde::de::{Deserializer, Error, Visitor};

/// Writes whole seconds, or three, six or nine digits behind the point, as the service does.
pub(crate) fn encode(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        _ if nanos % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{seconds}.{nanos:09}s"),
    }
}

/// Reads seconds; of the digits behind the point nine count. What is below nothing is nothing, as of time that is
/// already over.
pub(crate) fn decode(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (number, is_over) = match number.strip_prefix('-') {
        Some(number) => (number, true),
        None => (number, false),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let seconds = whole.parse().ok()?;
    let nanos = format!("{fraction:0<9.9}").parse().ok()?;
    Some(if is_over { Duration::ZERO } else { Duration::new(seconds, nanos) })
}

impl Form for Duration {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(*self))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Seconds)
    }
}

struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        decode(text).ok_or_else(|| E::custom(format_args!("invalid value: other text, expected {EXPECTED}")))
    }
}

const EXPECTED: &str = "a duration such as \"9.5s\"";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seconds_are_read_with_and_without_a_point() {
        for (text, nanos) in [
            ("50s", 50_000_000_000),
            ("9.5s", 9_500_000_000),
            ("0.200s", 200_000_000),
            ("0s", 0),
            ("-1.5s", 0),
            ("5.0000000019s", 5_000_000_001),
        ] {
            assert_eq!(decode(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let too_large = format!("{}0s", u64::MAX);
        for text in ["", "s", "5", "5 s", "5.s", ".5s", "1e3s", "+5s", "--5s", "5ms", "٥s", &too_large] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn digits_are_written_in_threes() {
        for (nanos, text) in
            [(50_000_000_000, "50s"), (9_500_000_000, "9.500s"), (1_000, "0.000001s"), (1, "0.000000001s")]
        {
            assert_eq!(encode(Duration::from_nanos(nanos)), text);
        }
    }

    proptest! {
        #[test]
        fn any_duration_comes_back(seconds: u64, nanos in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(decode(&encode(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_judged(text: String) {
            let _ = decode(&text);
        }
    }
}
