//! Makes values up: a deserializer that reads from nowhere but a string of dice, and so reaches every
//! field of every word without knowing any.

use core::fmt;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use std::collections::BTreeSet;

/// A value made of `dice`; the same dice make the same value.
pub(crate) fn imagine<T: DeserializeOwned>(dice: &[u8]) -> T {
    let mut dice = Dice { rest: dice.iter() };
    T::deserialize(Author { dice: &mut dice, depth: 0 }).expect("whatever is imagined fits")
}

/// Throws zeros when all dice are thrown, so that every story ends.
struct Dice<'d> {
    rest: core::slice::Iter<'d, u8>,
}

impl Dice<'_> {
    fn throw(&mut self) -> u8 {
        self.rest.next().copied().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.throw()))
    }

    fn text(&mut self) -> String {
        let length = self.throw() % 8;
        (0..length).map(|_| char::from(self.throw())).collect()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::from(self.throw()) % from.len()]
    }
}

struct Author<'a, 'd> {
    dice: &'a mut Dice<'d>,
    depth: u8,
}

impl<'a, 'd> Author<'a, 'd> {
    /// Free JSON; never `null` at the top, where it would mean absence.
    fn improvise<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.depth += 1;
        match self.dice.throw() % if self.depth < 4 { 7 } else { 5 } {
            0 => visitor.visit_bool(self.dice.throw().is_multiple_of(2)),
            1 => visitor.visit_u64(self.dice.number()),
            2 => visitor.visit_f64(f64::from(self.dice.throw()) / 16.0 - 3.25),
            3 if self.depth > 1 => visitor.visit_unit(),
            3 | 4 => visitor.visit_string(self.dice.text()),
            5 => visitor.visit_seq(List { left: self.dice.throw() % 3, author: self }),
            _ => visitor.visit_map(Plot { names: self.names(), author: self }),
        }
    }

    fn names(&mut self) -> Vec<String> {
        let count = self.dice.throw() % 3;
        let names: BTreeSet<String> = (0..count).map(|_| self.dice.text()).collect();
        names.into_iter().collect()
    }
}

impl<'de> Deserializer<'de> for Author<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match expected(&visitor).as_str() {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "any bits will do"
            )]
            "an integer of 32 bits" => visitor.visit_i64(i64::from(self.dice.number() as i32)),
            #[allow(clippy::cast_possible_wrap, reason = "any bits will do")]
            "an integer of 64 bits" => visitor.visit_i64(self.dice.number() as i64),
            "the name of a value" => {
                let names = ["AUDIO", "low", "BLOCKING", "Silent", "IDLE", "ACTIVITY_END", "OF_TOMORROW", ""];
                visitor.visit_str(self.dice.pick(&names))
            }
            "any valid JSON value" => self.improvise(visitor),
            other => panic!("no idea what {other} is"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match expected(&visitor).as_str() {
            "base64" => visitor.visit_str(self.dice.pick(&["", "AA==", "+/8=", "-_8", "AAD//wEA"])),
            "a duration such as \"9.5s\"" => {
                let text = format!("{}.{:03}s", self.dice.number(), self.dice.throw());
                visitor.visit_str(&text)
            }
            "a string" => visitor.visit_string(self.dice.text()),
            other => panic!("no idea what {other} is"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(!self.dice.throw().is_multiple_of(2))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(f64::from(self.dice.throw()) / 16.0 - 3.25)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.dice.throw().is_multiple_of(8) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(List { left: self.dice.throw() % 3, author: self })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Plot { names: self.names(), author: self })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        // Names in snake_case are one to a field; the others are second names, and one wire name is short.
        let is_first =
            |name: &&&str| !name.bytes().any(|letter| letter.is_ascii_uppercase()) && **name != "type";
        let mut names: Vec<String> = fields.iter().filter(is_first).map(|&name| name.to_owned()).collect();
        names.retain(|_| self.dice.throw() % 3 == 1);
        visitor.visit_map(Plot { names, author: self })
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

struct List<'a, 'd> {
    left: u8,
    author: Author<'a, 'd>,
}

impl<'de> SeqAccess<'de> for List<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(Author { dice: self.author.dice, depth: self.author.depth }).map(Some)
    }
}

struct Plot<'a, 'd> {
    names: Vec<String>,
    author: Author<'a, 'd>,
}

impl<'de> MapAccess<'de> for Plot<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.names.pop() else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Error> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Author { dice: self.author.dice, depth: self.author.depth })
    }
}

/// What a visitor says that it expects.
fn expected<'de>(visitor: &impl Visitor<'de>) -> String {
    struct Says<'a>(&'a dyn Expected);
    impl fmt::Display for Says<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }
    Says(visitor).to_string()
}
