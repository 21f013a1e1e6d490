//! What a setup comes down to.

use crate::model::Family;
use crate::vad::VadTuning;

/// The terms of one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The model's resource name.
    pub model: String,
    /// Its family.
    pub family: Family,
    /// How the ear listens.
    pub tuning: VadTuning,
    /// Whether the client marks its own activity.
    pub manual: bool,
    /// Audio kept from before the onset.
    pub padding_ms: u32,
    /// Whether activity interrupts the model.
    pub interrupts: bool,
    /// Whether what is heard is transcribed.
    pub transcribes_input: bool,
    /// Whether what is said is transcribed.
    pub transcribes_output: bool,
    /// Whether handles are wanted.
    pub resumption: bool,
    /// The handle to resume from.
    pub handle: Option<String>,
    /// Compression of the context: trigger and target, in tokens.
    pub compression: Option<(u64, u64)>,
    /// The declared functions.
    pub tools: Vec<Declared>,
    /// Whether the first client content is silent history.
    pub initial_history: bool,
    /// Tokens of the system instruction and the declarations.
    pub instruction_tokens: u64,
}

/// A declared function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Whether the model waits for it; decided by the family where not said.
    pub blocking: Option<bool>,
}

impl Terms {
    /// Whether the model waits for the function of this name.
    pub fn blocks(&self, name: &str) -> bool {
        let said = self.tools.iter().find(|tool| tool.name == name).and_then(|tool| tool.blocking);
        match self.family {
            Family::Flash31 => true,
            Family::Thinking38 => false,
            Family::Native25 => said.unwrap_or(true),
            Family::Live38 => said.unwrap_or(false),
        }
    }
}
