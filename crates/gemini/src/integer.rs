//! Integers: read from numbers and strings; those of 64 bits are written as strings, since a
//! JavaScript number has only 53.

use crate::grammar::Form;
use core::fmt;
use core::marker::PhantomData;
use serde::Serializer;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

impl Form for i32 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(*self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Integer { bits: 32, kind: PhantomData })
    }
}

impl Form for i64 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Integer { bits: 64, kind: PhantomData })
    }
}

struct Integer<T> {
    bits: u32,
    kind: PhantomData<T>,
}

impl<T: TryFrom<i64>> Visitor<'_> for Integer<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer of {} bits", self.bits)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let Ok(number) = i64::try_from(number) else {
            return Err(E::invalid_value(Unexpected::Unsigned(number), &self));
        };
        self.visit_i64(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        // Exact up to here, which is as far as a number without a point is one in JavaScript.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        #[allow(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        self.visit_i64(number as i64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let Ok(number) = text.parse() else {
            return Err(E::invalid_value(Unexpected::Str(text), &self));
        };
        self.visit_i64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn numbers_and_strings_are_read() {
        for value in [json!(40), json!(40.0), json!("40"), json!(4e1)] {
            assert_eq!(i32::read(&value).ok(), Some(40), "{value}");
            assert_eq!(i64::read(&value).ok(), Some(40), "{value}");
        }
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        let values =
            [json!(0.5), json!("x"), json!(""), json!(true), json!([]), json!(u64::MAX), json!(1e300)];
        for value in values {
            assert!(i32::read(&value).is_err(), "{value}");
            assert!(i64::read(&value).is_err(), "{value}");
        }
        assert!(i32::read(&json!(1_u64 << 31)).is_err());
    }

    proptest! {
        #[test]
        fn any_integer_comes_back(small: i32, large: i64) {
            let written = small.write(serde_json::value::Serializer).unwrap();
            prop_assert_eq!(i32::read(&written).unwrap(), small);
            let written = large.write(serde_json::value::Serializer).unwrap();
            prop_assert_eq!(&written, &Value::String(large.to_string()));
            prop_assert_eq!(i64::read(&written).unwrap(), large);
        }
    }
}
