//! The models that are imitated, and what sets them apart.

use crate::refusal;
use crate::script::Close;

/// A line of models that behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// 2.5 native audio: one field a frame, no voice activity.
    Native25,
    /// 3.1 and the translator of 3.5: several fields a frame.
    Flash31,
    /// 3.8: voice activity unasked, `audioStreamEnd` ends no turn.
    Live38,
    /// 3.8 with extended thinking: `interactionStatus`, tools never block.
    Thinking38,
}

/// Which version of the API the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one that Google's clients of the third generation choose.
    V1,
    /// The one that those before them choose.
    V1beta,
    /// The one with extras.
    V1alpha,
}

impl Family {
    /// The family of a model's resource name.
    ///
    /// # Errors
    /// The close with which the service answers names that it does not know.
    pub fn of(model: &str, version: Version) -> Result<Self, Close> {
        let name = model.strip_prefix("models/").unwrap_or_default();
        let known = MODELS.iter().find(|(known, _)| *known == name);
        known.map(|(_, family)| *family).ok_or_else(|| refusal::unknown_model(model, version))
    }

    /// Whether frames carry several fields at once.
    pub const fn bundles(self) -> bool {
        !matches!(self, Self::Native25)
    }

    /// Whether it is one of the 3.8 line.
    pub const fn is_38(self) -> bool {
        matches!(self, Self::Live38 | Self::Thinking38)
    }
}

impl Version {
    /// As in the path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1beta => "v1beta",
            Self::V1alpha => "v1alpha",
        }
    }
}

/// Whether there is a prebuilt voice of this name; the case matters.
pub fn has_voice(name: &str) -> bool {
    VOICES.contains(&name)
}

/// Models that speak and are not shut down, as of October 2026.
const MODELS: [(&str, Family); 7] = [
    ("gemini-3.8-live", Family::Live38),
    ("gemini-3.8-live-extended-thinking", Family::Thinking38),
    ("gemini-3.1-flash-live-preview", Family::Flash31),
    ("gemini-3.5-live-translate-preview", Family::Flash31),
    ("gemini-2.5-flash-native-audio-preview-12-2025", Family::Native25),
    ("gemini-2.5-flash-native-audio-latest", Family::Native25),
    ("gemini-2.5-flash-native-audio-preview-09-2025", Family::Native25),
];

const VOICES: [&str; 30] = [
    "Zephyr",
    "Puck",
    "Charon",
    "Kore",
    "Fenrir",
    "Leda",
    "Orus",
    "Aoede",
    "Callirrhoe",
    "Autonoe",
    "Enceladus",
    "Iapetus",
    "Umbriel",
    "Algieba",
    "Despina",
    "Erinome",
    "Algenib",
    "Rasalgethi",
    "Laomedeia",
    "Achernar",
    "Alnilam",
    "Schedar",
    "Gacrux",
    "Pulcherrima",
    "Achird",
    "Zubenelgenubi",
    "Vindemiatrix",
    "Sadachbia",
    "Sadaltager",
    "Sulafat",
];
