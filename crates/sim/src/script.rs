//! What the simulator shall do, written down: TOML or JSON. `docs/SIMULATOR.md` is its manual.

use crate::wav::WavFile;
use core::fmt;
use core::time::Duration;
use serde::Deserialize;
use std::path::PathBuf;

/// A whole script. The default is the parrot: faithful timing, no faults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Decides chunk sizes, delays and handles; the same seed gives the same call.
    pub seed: u64,
    /// Directory for `session-N-in.wav`, `session-N-out.wav` and `session-N.json`.
    pub record: Option<PathBuf>,
    /// Who is let in.
    pub keys: Keys,
    /// The connection's timers.
    pub connection: Connection,
    /// What frames look like.
    pub frames: Frames,
    /// How speech is heard.
    pub hearing: Hearing,
    /// Where the service's documents disagree about an error.
    pub strict: Strict,
    /// How fast answers come, unless a turn says otherwise.
    pub pace: Pace,
    /// What to answer when the turns are used up.
    pub after: After,
    /// The answers, in order; those with `when` are taken out of order.
    #[serde(rename = "turn")]
    pub turns: Vec<Turn>,
    /// Faults of the connection, counted from `setupComplete`.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
}

/// Who is let in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// If not empty, only these keys open anything.
    pub accept: Vec<String>,
    /// If set, no key opens anything: the close that follows the setup.
    pub refuse: Option<Close>,
}

/// A close frame.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The close code.
    pub code: u16,
    /// The reason, cut at 123 bytes.
    #[serde(default)]
    pub reason: String,
}

/// The connection's timers, in the simulator's time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connection {
    /// Delay of `setupComplete`, from and to.
    pub setup_ms: [u32; 2],
    /// Age at which a connection is closed.
    pub length_s: f64,
    /// How long before that `goAway` comes.
    pub go_away_lead_s: f64,
    /// Age at which a session without compression is closed, resumptions included.
    pub session_s: f64,
    /// How the connection is closed at its age.
    pub end: Close,
    /// Delay of pongs.
    pub pong_ms: u32,
    /// Whether handles are given out.
    pub handles: bool,
    /// If set, every handle is refused like this.
    pub refuse_handles: Option<Close>,
}

/// What frames look like.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Frames {
    /// Text frames in place of binary ones.
    pub text: bool,
    /// JSON with line breaks.
    pub pretty: bool,
    /// Several fields a frame (3.x) or one (2.5); decided by the model where not set.
    pub bundled: Option<bool>,
    /// Share of frames that are followed by `{}`.
    pub empty_share: f64,
    /// Whether chunks of audio may end in the middle of a sample.
    pub odd_bytes: bool,
}

/// How speech is heard.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hearing {
    /// Silence that ends a turn where the setup says nothing.
    pub silence_ms: Option<u32>,
    /// Whether `audioStreamEnd` ends a turn; decided by the model where not set (3.8: it does not).
    pub audio_stream_end_ends_turn: Option<bool>,
    /// Whether `voiceActivity` is sent; decided by the model where not set (3.8: it is).
    pub voice_activity: Option<bool>,
}

/// Where the service's documents disagree, or probes with documents: whether the setup fails.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Strict {
    /// Paths of v1 are not found, as before Google's own clients chose it.
    pub v1_fails: bool,
    /// `setup.proactivity` over anything but v1alpha is an unknown name.
    pub proactivity_needs_v1alpha: bool,
    /// Ephemeral tokens work over v1alpha only.
    pub tokens_need_v1alpha: bool,
    /// `thinkingConfig` on a model that has none is an invalid argument.
    pub thinking_on_3_8_fails: bool,
    /// A response to a call that was never made is an invalid argument; else it is ignored.
    pub unknown_tool_response_fails: bool,
}

/// How fast an answer comes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// From the end of the user's turn to the first frame, from and to.
    pub think_ms: [u32; 2],
    /// Times real time, drawn for every chunk.
    pub speed: [f64; 2],
    /// Length of chunks.
    pub chunk_ms: [u32; 2],
    /// Pauses of the generation.
    pub stalls: Vec<Stall>,
    /// Length of the last chunk in samples, for clients that think chunks have a least size.
    pub last_chunk_samples: Option<usize>,
    /// How long before its sound a word of the transcript is sent; negative: after.
    pub transcript_lead_ms: i32,
}

/// A pause of the generation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// When this much of the answer has been sent.
    pub at_ms: u32,
    /// This long.
    pub for_ms: u32,
}

/// What to answer when the turns are used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The parrot.
    #[default]
    Parrot,
    /// The script again, from its first turn.
    Repeat,
    /// Turns without audio.
    Silent,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Taken whenever typed text contains this, whatever its case, and not in order.
    pub when: Option<String>,
    /// The input transcript; times count from the beginning of speech.
    pub heard: Option<Words>,
    /// The output transcript; times count from the beginning of the answer.
    pub says: Option<Words>,
    /// What sounds; a parrot where not set.
    pub audio: Source,
    /// How fast it comes, in place of the script's pace.
    pub pace: Option<Pace>,
    /// A turn without audio and words.
    pub silent: bool,
    /// No answer at all: not even `turnComplete`.
    pub ignore: bool,
    /// `turnCompleteReason`.
    pub reason: Option<String>,
    /// `waitingForInput` beside `turnComplete`.
    pub waiting_for_input: bool,
    /// Leave `generationComplete` out.
    pub skip_generation_complete: bool,
    /// Send `turnComplete` with the end of the generation, without waiting for playback.
    pub early_turn_complete: bool,
    /// On interruption: audio of the cut turn in the same frame as `interrupted`.
    pub stale_audio_ms: u32,
    /// On interruption: audio of the cut turn after `interrupted`, before `turnComplete`.
    pub late_audio_ms: u32,
    /// Functions that are called before the answer, all in one frame.
    #[serde(rename = "tool")]
    pub tools: Vec<Tool>,
    /// What is said while tools that do not block are running, as a turn of its own.
    pub filler: Option<Filler>,
    /// `generationComplete` and `turnComplete` right after the call.
    pub complete_after_call: bool,
    /// The calls are taken back after this long.
    pub cancel_tools_ms: Option<u32>,
    /// Faults, counted from the turn's first frame.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
}

/// What is said while tools run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filler {
    /// The words.
    pub says: Words,
    /// What sounds; a chime where not set.
    #[serde(default = "Source::chime")]
    pub audio: Source,
}

/// A function call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The function; the setup need not declare it.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub args: serde_json::Map<String, serde_json::Value>,
    /// The id, where its form matters; `function-call-…`, `call_…` and `fc_…` by turns where not set.
    #[serde(default)]
    pub id: Option<String>,
}

/// What an answer sounds like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The speaker's own words, a little higher; a chime where nobody spoke.
    #[default]
    Parrot,
    /// Soft notes, as many as there are words.
    Chime,
    /// A sine.
    Tone(Tone),
    /// A file: PCM WAV of any rate.
    Wav(WavFile),
    /// Zeros, in milliseconds.
    Silence(u32),
}

/// A sine.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tone {
    /// Frequency.
    pub hz: f32,
    /// Length in milliseconds.
    pub ms: u32,
    /// Level in decibels of full scale (rms).
    #[serde(default = "tone_level_db")]
    pub level_db: f32,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When, in milliseconds.
    pub at_ms: u32,
    /// Only in the n-th connection to this simulator, counted from 1.
    #[serde(default)]
    pub connection: Option<u64>,
    /// What.
    #[serde(rename = "do")]
    pub mishap: Mishap,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// The connection is closed.
    Close(Close),
    /// The connection is cut without a word: 1006.
    Drop,
    /// `interrupted`, although nobody spoke.
    Interrupted,
    /// `goAway` with this many seconds left; the connection stays.
    GoAway(f64),
    /// `{}`.
    EmptyFrame,
    /// `{"error": …}` with this code and message.
    Error(ErrorFrame),
    /// Any text as a frame, JSON or not.
    Raw(String),
}

/// An error in a frame of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorFrame {
    /// As in HTTP.
    pub code: u16,
    /// A sentence.
    pub message: String,
}

/// A transcript: one text, or pieces with their times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WordsForm")]
pub struct Words(pub Vec<Word>);

/// A piece of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// When it is said; spread over the sound where not set.
    pub at_ms: Option<u32>,
    /// The piece, spaces included.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of [milliseconds, \"word\"]")]
enum WordsForm {
    Text(String),
    Timed(Vec<(u32, String)>),
}

/// Why a text is no script: what was expected, what was found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(String);

impl Script {
    /// Reads a script: JSON if it begins with `{`, TOML else.
    ///
    /// # Errors
    /// The line, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let script: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| ScriptError(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| ScriptError(error.to_string().trim_end().to_owned()))?
        };
        script.check()?;
        Ok(script)
    }

    fn check(&self) -> Result<(), ScriptError> {
        let paces = self.turns.iter().filter_map(|turn| turn.pace.as_ref());
        paces.chain([&self.pace]).try_for_each(Pace::check)?;
        for tone in self.turns.iter().filter_map(|turn| turn.audio.tone()) {
            tone.check()?;
        }
        let connection = &self.connection;
        let times = [
            ("connection.length_s", connection.length_s),
            ("connection.go_away_lead_s", connection.go_away_lead_s),
            ("connection.session_s", connection.session_s),
        ];
        for (name, found) in times {
            if Duration::try_from_secs_f64(found).is_err() {
                return Err(ScriptError(format!("{name}: expected seconds of zero or more, found {found}")));
            }
        }
        self.check_closes()
    }

    fn check_closes(&self) -> Result<(), ScriptError> {
        let faults = self.faults.iter().chain(self.turns.iter().flat_map(|turn| &turn.faults));
        let faults = faults.filter_map(|fault| match &fault.mishap {
            Mishap::Close(close) => Some(close),
            _ => None,
        });
        let rules = [self.keys.refuse.as_ref(), self.connection.refuse_handles.as_ref()];
        let mut closes = faults.chain(rules.into_iter().flatten()).chain([&self.connection.end]);
        closes.try_for_each(Close::check)
    }
}

impl Close {
    /// A close of this code and reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    fn check(&self) -> Result<(), ScriptError> {
        match self.code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(()),
            found => Err(ScriptError(format!(
                "code: expected a close code that may be sent (1000–1003, 1007–1014, 3000–4999; \
                 for 1006 use do = \"drop\"), found {found}"
            ))),
        }
    }
}

impl Pace {
    fn check(&self) -> Result<(), ScriptError> {
        if self.speed.iter().any(|speed| !(speed.is_finite() && *speed > 0.0)) {
            let found = self.speed;
            return Err(ScriptError(format!("pace.speed: expected two numbers above 0, found {found:?}")));
        }
        if self.chunk_ms.contains(&0) || self.chunk_ms.iter().any(|chunk| *chunk > 60_000) {
            let found = self.chunk_ms;
            return Err(ScriptError(format!(
                "pace.chunk_ms: expected two numbers of 1–60000, found {found:?}"
            )));
        }
        Ok(())
    }
}

impl Tone {
    fn check(self) -> Result<(), ScriptError> {
        if !(self.hz > 0.0 && self.hz < 12_000.0) {
            let found = self.hz;
            return Err(ScriptError(format!(
                "tone.hz: expected more than 0 and less than 12000, found {found}"
            )));
        }
        if self.ms > 600_000 {
            let found = self.ms;
            return Err(ScriptError(format!("tone.ms: expected at most 600000, found {found}")));
        }
        Ok(())
    }
}

impl Source {
    const fn chime() -> Self {
        Self::Chime
    }

    const fn tone(&self) -> Option<Tone> {
        match self {
            Self::Tone(tone) => Some(*tone),
            Self::Parrot | Self::Chime | Self::Wav(_) | Self::Silence(_) => None,
        }
    }
}

impl Words {
    /// The words of a text, each with the space before it; their times are left open.
    pub fn of(text: &str) -> Self {
        let mut words = Vec::new();
        for piece in text.split_inclusive(char::is_whitespace) {
            words.push(piece.trim_end().to_owned());
        }
        words.retain(|word| !word.is_empty());
        let spaced = words.into_iter().enumerate().map(|(index, word)| Word {
            at_ms: None,
            text: if index == 0 { word } else { format!(" {word}") },
        });
        Self(spaced.collect())
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.0.iter().map(|word| word.text.as_str()).collect()
    }
}

impl From<WordsForm> for Words {
    fn from(form: WordsForm) -> Self {
        match form {
            WordsForm::Text(text) => Self::of(&text),
            WordsForm::Timed(pieces) => {
                let words = pieces.into_iter().enumerate().map(|(index, (at_ms, text))| {
                    let glued = index == 0 || text.starts_with(char::is_whitespace);
                    Word { at_ms: Some(at_ms), text: if glued { text } else { format!(" {text}") } }
                });
                Self(words.collect())
            }
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            setup_ms: [50, 200],
            length_s: 600.0,
            go_away_lead_s: 60.0,
            session_s: 900.0,
            end: Close::new(1011, "Deadline expired before operation could complete."),
            pong_ms: 0,
            handles: true,
            refuse_handles: None,
        }
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self { text: false, pretty: false, bundled: None, empty_share: 0.05, odd_bytes: false }
    }
}

impl Default for Strict {
    fn default() -> Self {
        Self {
            v1_fails: false,
            proactivity_needs_v1alpha: true,
            tokens_need_v1alpha: false,
            thinking_on_3_8_fails: true,
            unknown_tool_response_fails: true,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            think_ms: [180, 320],
            speed: [3.0, 4.0],
            chunk_ms: [40, 190],
            stalls: Vec::new(),
            last_chunk_samples: None,
            transcript_lead_ms: 0,
        }
    }
}

const fn tone_level_db() -> f32 {
    -20.0
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no script for the simulator: {}", self.0)
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::{After, Close, Mishap, Script, Source, Words};

    #[test]
    fn an_empty_script_is_the_parrot() {
        assert_eq!(Script::parse(""), Ok(Script::default()));
        assert_eq!(Script::parse("{}"), Ok(Script::default()));
    }

    #[test]
    fn reads_the_same_from_toml_and_json() {
        let toml = r#"
            seed = 7
            after = "repeat"
            [connection]
            length_s = 20
            [[turn]]
            heard = "Hello there"
            says = [[0, "Good"], [300, "day"]]
            audio = { tone = { hz = 440, ms = 2000 } }
            [[turn.fault]]
            at_ms = 500
            do = { close = { code = 1011, reason = "Internal error encountered." } }
        "#;
        let json = r#"{"seed":7,"after":"repeat","connection":{"length_s":20},"turn":[{"heard":"Hello there",
            "says":[[0,"Good"],[300,"day"]],"audio":{"tone":{"hz":440,"ms":2000}},
            "fault":[{"at_ms":500,"do":{"close":{"code":1011,"reason":"Internal error encountered."}}}]}]}"#;
        let script = Script::parse(toml).unwrap();
        assert_eq!(Script::parse(json), Ok(script.clone()));
        assert_eq!((script.after, script.connection.length_s), (After::Repeat, 20.0));
        let turn = &script.turns[0];
        assert_eq!(turn.says.as_ref().map(Words::text), Some("Good day".to_owned()));
        assert!(matches!(turn.audio, Source::Tone(tone) if tone.ms == 2000));
        let close = Close::new(1011, "Internal error encountered.");
        assert_eq!(turn.faults[0].mishap, Mishap::Close(close));
    }

    #[test]
    fn says_where_a_key_is_unknown_and_which_there_are() {
        let cases = [
            ("seed = 1\nsped = 2\n", ["line 2", "sped", "seed"]),
            ("[connection]\nlength = 3\n", ["line 2", "`length`", "length_s"]),
            ("[[turn]]\nsays = \"a\"\nsaid = \"b\"\n", ["line 3", "said", "says"]),
            ("{\n\"seed\": 1,\n\"sped\": 2}", ["line 3", "sped", "seed"]),
        ];
        for (text, expected) in cases {
            let error = Script::parse(text).unwrap_err().to_string();
            for part in expected {
                assert!(error.contains(part), "{part:?} in {error}");
            }
        }
    }

    #[test]
    fn refuses_what_cannot_be_done() {
        let cases = [
            ("[pace]\nspeed = [0, 1]", "pace.speed"),
            ("[pace]\nchunk_ms = [0, 1]", "pace.chunk_ms"),
            ("[[turn]]\naudio = { tone = { hz = 13000, ms = 1 } }", "tone.hz"),
            ("[[fault]]\nat_ms = 1\ndo = { close = { code = 1006 } }", "1006"),
            ("[connection]\nlength_s = -1", "connection.length_s"),
            ("[[turn]]\naudio = { wav = \"/nowhere.wav\" }", "/nowhere.wav"),
            ("[[turn]]\nsays = 5", "expected a text"),
        ];
        for (text, expected) in cases {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected:?} in {error}");
        }
    }

    #[test]
    fn cuts_a_text_into_words_that_add_up_to_it() {
        let words = Words::of("So it is, then.");
        assert_eq!(
            words.0.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(),
            ["So", " it", " is,", " then."]
        );
        assert_eq!(words.text(), "So it is, then.");
    }
}
