//! The rules that all words share: the JSON dialect of protocol buffers.
//!
//! A field is read under its camelCase and its snake_case name and written under the former; `null`
//! and absence mean the default, and the default is not written; unknown fields are skipped.

use core::fmt;
use core::marker::PhantomData;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Defines structs of which every field is optional on the wire.
///
/// A field's second name, where it has one, is its camelCase name; `as` names the module that reads
/// and writes it where its JSON form is not serde's own.
macro_rules! word {
    ($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $crate::grammar::word! { @field [$(#[$meta])* $name] [] $($fields)* }
    };
    (@field $head:tt [$($done:tt)*]
        $(#[$meta:meta])* $field:ident $($camel:literal)?: $type:ty as $with:literal, $($rest:tt)*
    ) => {
        $crate::grammar::word! { @field $head [
            $($done)*
            $(#[$meta])*
            #[serde($(alias = $camel,)? with = $with, skip_serializing_if = "crate::grammar::is_default")]
            pub $field: $type,
        ] $($rest)* }
    };
    (@field $head:tt [$($done:tt)*]
        $(#[$meta:meta])* $field:ident $($camel:literal)?: $type:ty, $($rest:tt)*
    ) => {
        $crate::grammar::word! { @field $head [
            $($done)*
            $(#[$meta])*
            #[serde(
                $(alias = $camel,)?
                deserialize_with = "crate::grammar::null_is_default",
                skip_serializing_if = "crate::grammar::is_default"
            )]
            pub $field: $type,
        ] $($rest)* }
    };
    (@field [$(#[$meta:meta])* $name:ident] [$($done:tt)*]) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, rename_all(serialize = "camelCase", deserialize = "snake_case"))]
        pub struct $name { $($done)* }
    };
}
pub(crate) use word;

/// Defines enumerations that are strings on the wire, and to which the service may add.
///
/// They are read without regard to case.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $wire:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A value unknown to this version, as it was read.
            Other(String),
        }

        impl $name {
            /// Every value known to this version.
            pub const KNOWN: &[Self] = &[$(Self::$variant),*];

            /// The value's name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                $(if name.eq_ignore_ascii_case($wire) {
                    return Self::$variant;
                })*
                Self::Other(name.to_owned())
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::grammar::name(deserializer)
            }
        }
    };
}
pub(crate) use choice;

/// An object without fields, as `{}`: its presence alone says something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Empty {}

/// Whether a field need not be written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads a field that may be `null`.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a member of an enumeration; numbers, which the dialect allows too, are kept as text.
pub(crate) fn name<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> From<&'a str>,
{
    deserializer.deserialize_any(Name(PhantomData))
}

struct Name<T>(PhantomData<T>);

impl<T: for<'a> From<&'a str>> Visitor<'_> for Name<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a value")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        Ok(name.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Ok(number.to_string().as_str().into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Ok(number.to_string().as_str().into())
    }
}

/// A value whose JSON form is not that of its type.
pub(crate) trait Form: Sized {
    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads it.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Lends serde a value in its own [`Form`].
struct Formed<T>(T);

impl<T: Form> Serialize for Formed<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl<'de, T: Form> Deserialize<'de> for Formed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

/// Reads and writes `Option<T>` in the [`Form`] of `T`; for `as`.
pub(crate) mod maybe {
    use super::{Deserialize, Deserializer, Form, Formed, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer, T: Form>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Formed).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Form>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let value = Option::<Formed<T>>::deserialize(deserializer)?;
        Ok(value.map(|Formed(value)| value))
    }
}

/// Reads and writes `T` in its [`Form`], the default where it is `null`; for `as`.
pub(crate) mod plain {
    use super::{Deserializer, Form, Serializer, maybe};

    pub(crate) fn serialize<S: Serializer, T: Form>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.write(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Form + Default>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        maybe::deserialize(deserializer).map(Option::unwrap_or_default)
    }
}
