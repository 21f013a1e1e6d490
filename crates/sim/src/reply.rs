//! What is answered to what, where the script leaves it open: honest words and pleasant sounds.

use crate::ear::Utterance;
use crate::script::{Source, Turn, Word, Words};
use crate::sound;

/// What asks for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stimulus {
    /// Something spoken.
    Speech(Utterance),
    /// Something typed.
    Text {
        /// What.
        text: String,
        /// Whether it is a proxy's request to speak first.
        is_nudge: bool,
    },
    /// The results of functions, in words.
    Tool(String),
}

/// What the ear honestly has to say of an utterance.
pub fn heard(utterance: &Utterance) -> Words {
    let first = format!("({:.1} s", utterance.speech_s());
    let words = [first, " of speech)".to_owned()];
    Words(words.into_iter().map(|text| Word { at_ms: None, text }).collect())
}

/// The sound and the words of an answer.
pub fn compose(rule: &Turn, stimulus: &Stimulus) -> (Vec<i16>, Words) {
    let own_voice = matches!(rule.audio, Source::Parrot | Source::Chime);
    let words = match &rule.says {
        Some(words) => words.clone(),
        None if own_voice => Words::of(&default_words(stimulus)),
        None => Words::default(),
    };
    if rule.silent {
        return (Vec::new(), Words::default());
    }
    let pcm = match &rule.audio {
        Source::Parrot => match stimulus {
            Stimulus::Speech(utterance) => sound::parrot(&utterance.pcm),
            Stimulus::Text { .. } | Stimulus::Tool(_) => sound::chime(words.0.len()),
        },
        Source::Chime => sound::chime(words.0.len()),
        Source::Tone(tone) => sound::tone(*tone),
        Source::Wav(file) => file.pcm.to_vec(),
        Source::Silence(ms) => vec![0; sound::samples_of_ms((*ms).min(MOST_SILENCE_MS))],
    };
    (pcm, words)
}

fn default_words(stimulus: &Stimulus) -> String {
    match stimulus {
        Stimulus::Speech(utterance) => {
            format!("(your own {:.1} s, a little higher)", utterance.speech_s())
        }
        Stimulus::Text { is_nudge: true, .. } => GREETING.to_owned(),
        Stimulus::Text { text, is_nudge: false } if text.chars().count() > MOST_QUOTED => {
            let quoted: String = text.chars().take(MOST_QUOTED).collect();
            format!("You wrote: “{quoted}…”")
        }
        Stimulus::Text { text, is_nudge: false } => format!("You wrote: “{text}”"),
        Stimulus::Tool(report) => report.clone(),
    }
}

/// What is said to somebody who has not said anything yet.
pub const GREETING: &str = "Hello! I am the built-in simulator. Say something and I will say it back.";
/// Letters quoted of a typed text.
const MOST_QUOTED: usize = 200;
/// Ten minutes.
const MOST_SILENCE_MS: u32 = 600_000;
