//! What `vivavoce serve` may be told: one TOML file with a default for everything, secrets from the environment.
//!
//! `docs/CONFIG.md` tells the same to people; a test holds the two together.

mod admitted;
mod tools;

pub use admitted::{Admitted, Algorithm, IssuerSettings, KeySource, TelegramSettings};

use crate::budget::{Daily, Prices};
use crate::section::{Document, Problem, Section, flag, number, one_of, text, texts, whole, words};
use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use tools::{Behaviour, Format, PageFunctions, ToolSettings};

/// All settings of a proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen for pages and calls.
    pub listen: SocketAddr,
    /// Reverse proxies in front, each of which adds to `X-Forwarded-For` where its request came from.
    pub trusted_hops: u32,
    /// The folder of the page; none: `dist`, if there is one.
    pub page: Option<PathBuf>,
    /// Where the service is; none: Gemini if there is a key, else the built-in simulator.
    pub upstream_url: Option<String>,
    /// What the service is asked for.
    pub gemini: Gemini,
    /// What a caller may cost.
    pub limits: Limits,
    /// What the service takes.
    pub prices: Prices,
    /// Who may call.
    pub admission: Admitted,
    /// How several proxies find each other.
    pub cluster: Cluster,
    /// Where operators ask for metrics; none: at port 9003 of this machine, if that is free.
    pub admin: Option<SocketAddr>,
    /// What the model may use.
    pub tools: Vec<ToolSettings>,
    /// What pages may run for the model.
    pub page_functions: PageFunctions,
}

/// How several proxies that share their calls in Redis find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Where to listen for the other proxies.
    pub listen: SocketAddr,
    /// Where they reach this one; none: where it listens.
    pub address: Option<String>,
}

/// What the service is asked for when a call begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemini {
    /// The model's id, without `models/`.
    pub model: String,
    /// Those that are asked for after it, one after the other, where the service does not know the one before.
    pub other_models: Vec<String>,
    /// One of the service's voices, capital letter included.
    pub voice: String,
    /// Who the model is and how it speaks.
    pub system_instruction: String,
    /// Said to the model when a call is up, so that it speaks first; none: it waits.
    pub greeting: Option<String>,
    /// How freely the model chooses its words.
    pub temperature: Option<f64>,
    /// How easily sound counts as speech.
    pub start_of_speech_sensitivity: Option<String>,
    /// How soon a pause counts as the end.
    pub end_of_speech_sensitivity: Option<String>,
    /// How much sound before the detected start still counts.
    pub prefix_padding_ms: Option<u32>,
    /// After this much silence a turn is finished.
    pub silence_duration_ms: u32,
    /// Whether speech cuts the model off.
    pub activity_handling: String,
    /// Whether the service writes down what it heard.
    pub input_transcription: bool,
    /// Whether the service writes down what it says.
    pub output_transcription: bool,
    /// The context is shortened when it has grown to this; none: never.
    pub compression: Option<Compression>,
    /// Whether the service hands out handles by which a conversation survives its connection.
    pub session_resumption: bool,
}

/// How a long conversation is kept within the model's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Tokens at which the oldest are dropped.
    pub trigger_tokens: u32,
    /// Tokens that remain.
    pub target_tokens: u32,
}

/// What a caller may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Calls at one time.
    pub calls: u32,
    /// The same over all proxies that share their calls; none: no limit.
    pub calls_in_all: Option<u32>,
    /// The largest frame taken from a phone.
    pub max_frame_bytes: u32,
    /// How long a request's head may take.
    pub header_deadline: Duration,
    /// How long a request's body may take.
    pub body_deadline: Duration,
    /// How many values may lie within each other in what a caller says.
    pub json_depth: u32,
    /// How long a phone may take to say hello.
    pub hello_deadline: Duration,
    /// How long the service may take to answer the setup.
    pub setup_deadline: Duration,
    /// How long the service may owe an answer to what it says it heard; zero: for ever.
    pub answer_deadline: Duration,
    /// How long a phone may leave everything unread that is sent to it.
    pub unread: Duration,
    /// How much of the model's voice a phone is sent ahead of what it has heard.
    pub ahead: Duration,
    /// How much more of it is kept for a phone before the service is made to wait.
    pub kept: Duration,
    /// How long a call waits for a phone whose connection is lost.
    pub grace: Duration,
    /// How long a turn of the person's may stand still before it is closed.
    pub hold: Duration,
    /// How long a call may last; zero: for ever.
    pub longest: Duration,
    /// How long a call may go on without a word of either side; zero: for ever.
    pub idle: Duration,
    /// Frames that a phone may send in a second, over some time.
    pub frames_per_s: u32,
    /// Bytes of frames that a phone may send in a second, over some time.
    pub bytes_per_s: u32,
    /// Connections at one time from one address.
    pub connections_per_address: u32,
    /// Connections at one time that are neither in a call nor about to say hello, at each door.
    pub connections: u32,
    /// Callers at one time who have yet to say hello.
    pub unintroduced: u32,
    /// Calls at one time of one user with a ticket.
    pub calls_per_user: u32,
    /// What a user with a ticket may use in a day.
    pub daily: Daily,
    /// How long calls may take to move to another proxy when this one is told to go down.
    pub drain: Duration,
}

impl Config {
    /// Reads a file's text.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of its lines.
    pub fn parse(toml: &str) -> Result<Self, Vec<Problem>> {
        let (mut document, mut root) = Document::parse(toml);
        let config = Self::take(&mut document, &mut root);
        document.finish(&root);
        let problems = document.into_problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The names of all settings, with the tables they are in: `gemini.voice`.
    pub fn keys() -> Vec<String> {
        let (mut document, mut root) = Document::parse("");
        Self::take(&mut document, &mut root);
        // A file without a tool asks for no key of one.
        let _ = ToolSettings::take(&mut document, &mut Section::of("tools."), 0);
        let mut keys = document.into_known();
        // Tools are known by what each of them has.
        keys.retain(|key| key != "tools");
        keys
    }

    /// The environment's variables that hold secrets of issuers and tools.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.admission.secret_names().chain(self.tools.iter().map(|tool| tool.secret_env.as_str()))
    }

    /// Takes over from `running` what only a restart changes; the names of what differed.
    pub(crate) fn keep_what_stays(&mut self, running: &Self) -> Vec<&'static str> {
        fn keep<T: PartialEq + Clone>(new: &mut T, running: &T) -> bool {
            let differs = new != running;
            new.clone_from(running);
            differs
        }
        let kept = [
            ("listen", keep(&mut self.listen, &running.listen)),
            ("trusted_hops", keep(&mut self.trusted_hops, &running.trusted_hops)),
            ("page", keep(&mut self.page, &running.page)),
            ("upstream.url", keep(&mut self.upstream_url, &running.upstream_url)),
            ("limits.connections", keep(&mut self.limits.connections, &running.limits.connections)),
            ("cluster.listen", keep(&mut self.cluster.listen, &running.cluster.listen)),
            ("cluster.address", keep(&mut self.cluster.address, &running.cluster.address)),
            ("admin.listen", keep(&mut self.admin, &running.admin)),
        ];
        kept.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }

    fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let listen = document.take(root, "listen", socket);
        let trusted_hops = document.take(root, "trusted_hops", whole(0..=8));
        let page = document.take(root, "page", words).map(PathBuf::from);
        let mut upstream = document.section(root, "upstream");
        let upstream_url = document.take(&mut upstream, "url", words);
        document.finish(&upstream);
        let mut operators = document.section(root, "admin");
        let admin = document.take(&mut operators, "listen", socket);
        document.finish(&operators);
        Self {
            listen: listen.unwrap_or(default.listen),
            trusted_hops: trusted_hops.unwrap_or(default.trusted_hops),
            page,
            upstream_url,
            gemini: Gemini::take(document, root),
            limits: Limits::take(document, root),
            prices: Prices::take(document, root),
            admission: Admitted::take(document, root),
            cluster: Cluster::take(document, root),
            admin,
            tools: ToolSettings::take_all(document, root),
            page_functions: PageFunctions::take(document, root),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
            trusted_hops: 0,
            page: None,
            upstream_url: None,
            gemini: Gemini::default(),
            limits: Limits::default(),
            prices: Prices::default(),
            admission: Admitted::default(),
            cluster: Cluster::default(),
            admin: None,
            tools: Vec::new(),
            page_functions: PageFunctions::default(),
        }
    }
}

impl Gemini {
    fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(root, "gemini");
        let model = document.take(table, "model", model);
        let mut models = document.take(table, "models", models).unwrap_or_default().into_iter();
        if model.is_some() && models.len() > 0 {
            document.object(
                "gemini.model",
                "`gemini.model` or `models`: one of the two says which model it is".to_owned(),
            );
        }
        let gemini = Self {
            model: models.next().or(model).unwrap_or(default.model),
            other_models: models.collect(),
            voice: document.take(table, "voice", words).unwrap_or(default.voice),
            system_instruction: document
                .take(table, "system_instruction", text)
                .unwrap_or(default.system_instruction),
            greeting: document.take(table, "greeting", text).filter(|text| !text.trim().is_empty()),
            temperature: document.take(table, "temperature", number(0.0..=2.0)),
            start_of_speech_sensitivity: document.take(
                table,
                "start_of_speech_sensitivity",
                one_of(&["START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"]),
            ),
            end_of_speech_sensitivity: document
                .take(
                    table,
                    "end_of_speech_sensitivity",
                    one_of(&["END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"]),
                )
                .or(default.end_of_speech_sensitivity),
            prefix_padding_ms: document.take(table, "prefix_padding_ms", whole(0..=5_000)),
            silence_duration_ms: document
                .take(table, "silence_duration_ms", whole(50..=10_000))
                .unwrap_or(default.silence_duration_ms),
            activity_handling: document
                .take(
                    table,
                    "activity_handling",
                    one_of(&["START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"]),
                )
                .unwrap_or(default.activity_handling),
            input_transcription: document.take(table, "input_transcription", flag).unwrap_or(true),
            output_transcription: document.take(table, "output_transcription", flag).unwrap_or(true),
            session_resumption: document.take(table, "session_resumption", flag).unwrap_or(true),
            compression: Compression::take(document, table),
        };
        document.finish(table);
        gemini
    }
}

impl Default for Gemini {
    fn default() -> Self {
        Self {
            model: "gemini-3.8-live".to_owned(),
            other_models: Vec::new(),
            voice: "Kore".to_owned(),
            system_instruction: SYSTEM_INSTRUCTION.to_owned(),
            greeting: None,
            temperature: None,
            start_of_speech_sensitivity: None,
            end_of_speech_sensitivity: Some("END_SENSITIVITY_HIGH".to_owned()),
            prefix_padding_ms: None,
            silence_duration_ms: 700,
            activity_handling: "START_OF_ACTIVITY_INTERRUPTS".to_owned(),
            input_transcription: true,
            output_transcription: true,
            compression: Some(Compression { trigger_tokens: 25_600, target_tokens: 12_800 }),
            session_resumption: true,
        }
    }
}

impl Compression {
    fn take<'t>(document: &mut Document<'t>, gemini: &mut Section<'t>) -> Option<Self> {
        let on = document.take(gemini, "compression", flag).unwrap_or(true);
        let trigger = document.take(gemini, "compression_trigger_tokens", whole(5_000..=1_000_000));
        let target = document.take(gemini, "compression_target_tokens", whole(0..=1_000_000));
        let trigger_tokens = trigger.unwrap_or(25_600);
        let target_tokens = target.unwrap_or(trigger_tokens / 2);
        if target_tokens >= trigger_tokens {
            let message = format!(
                "`gemini.compression_target_tokens` is below `compression_trigger_tokens`; found {target_tokens} \
                 and {trigger_tokens}"
            );
            document.object("gemini.compression_target_tokens", message);
        }
        on.then_some(Self { trigger_tokens, target_tokens })
    }
}

impl Limits {
    fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(root, "limits");
        let mut time = |key, range_ms, default: Duration| {
            let ms = document.take(table, key, whole(range_ms));
            ms.map_or(default, |ms| Duration::from_millis(ms.into()))
        };
        let header_deadline = time("header_deadline_ms", 100..=60_000, default.header_deadline);
        let body_deadline = time("body_deadline_ms", 100..=60_000, default.body_deadline);
        let hello_deadline = time("hello_deadline_ms", 100..=60_000, default.hello_deadline);
        let setup_deadline = time("setup_deadline_ms", 100..=120_000, default.setup_deadline);
        let answer_deadline = time("answer_deadline_ms", 0..=600_000, default.answer_deadline);
        let unread = time("unread_ms", 100..=600_000, default.unread);
        // A page has room for a minute.
        let ahead = time("ahead_ms", 2_000..=60_000, default.ahead);
        let kept = time("kept_ms", 1_000..=600_000, default.kept);
        let grace = time("grace_ms", 0..=600_000, default.grace);
        let hold = time("hold_ms", 500..=60_000, default.hold);
        let longest = time("longest_ms", 0..=MOST_MS, default.longest);
        let idle = time("idle_ms", 0..=MOST_MS, default.idle);
        let drain = time("drain_ms", 0..=600_000, default.drain);
        let calls_in_all = document.take(table, "calls_in_all", whole(1..=10_000_000));
        let mut count = |key, range, default| document.take(table, key, whole(range)).unwrap_or(default);
        let limits = Self {
            calls: count("calls", 1..=100_000, default.calls),
            calls_in_all,
            max_frame_bytes: count("max_frame_bytes", 4_096..=1_048_576, default.max_frame_bytes),
            header_deadline,
            body_deadline,
            json_depth: count("json_depth", 4..=128, default.json_depth),
            hello_deadline,
            setup_deadline,
            answer_deadline,
            unread,
            ahead,
            kept,
            grace,
            hold,
            longest,
            idle,
            frames_per_s: count("frames_per_s", 10..=100_000, default.frames_per_s),
            bytes_per_s: count("bytes_per_s", 1_000..=100_000_000, default.bytes_per_s),
            connections_per_address: count(
                "connections_per_address",
                1..=100_000,
                default.connections_per_address,
            ),
            connections: count("connections", 16..=100_000, default.connections),
            unintroduced: count("unintroduced", 1..=100_000, default.unintroduced),
            calls_per_user: count("calls_per_user", 1..=100_000, default.calls_per_user),
            daily: Daily {
                time: document
                    .take(table, "minutes_per_day", whole(0..=24 * 60))
                    .map_or(default.daily.time, |minutes| {
                        any(minutes).map(|minutes| Duration::from_secs(minutes * 60))
                    }),
                micros: document
                    .take(table, "cost_per_day", number(0.0..=1_000_000.0))
                    .map_or(default.daily.micros, |cost| any((cost * 1e6).round() as u64)),
            },
            drain,
        };
        document.finish(table);
        limits
    }
}

impl Prices {
    fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(root, "prices");
        let mut price =
            |key, default| document.take(table, key, number(0.0..=1_000_000.0)).unwrap_or(default);
        let prices = Self {
            text_in: price("text_in", default.text_in),
            audio_in: price("audio_in", default.audio_in),
            text_out: price("text_out", default.text_out),
            audio_out: price("audio_out", default.audio_out),
        };
        document.finish(table);
        prices
    }
}

impl Default for Prices {
    /// Those of the Live models that were announced last, in dollars; whoever bounds costs should look them up.
    fn default() -> Self {
        Self { text_in: 0.5, audio_in: 3.0, text_out: 2.0, audio_out: 12.0 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 1_000,
            calls_in_all: None,
            max_frame_bytes: 64 * 1024,
            header_deadline: Duration::from_secs(5),
            body_deadline: Duration::from_secs(5),
            json_depth: 128,
            hello_deadline: Duration::from_secs(5),
            setup_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(8),
            unread: Duration::from_secs(30),
            ahead: Duration::from_secs(20),
            kept: Duration::from_secs(360),
            grace: Duration::from_secs(45),
            hold: Duration::from_secs(5),
            longest: Duration::from_secs(60 * 60),
            idle: Duration::from_secs(10 * 60),
            frames_per_s: 300,
            bytes_per_s: 500_000,
            connections_per_address: 200,
            connections: 4_096,
            unintroduced: 1_024,
            calls_per_user: 3,
            daily: Daily { time: Some(Duration::from_secs(2 * 60 * 60)), micros: Some(5_000_000) },
            drain: Duration::from_secs(20),
        }
    }
}

impl Cluster {
    fn take<'t>(document: &mut Document<'t>, root: &mut Section<'t>) -> Self {
        let default = Self::default();
        let table = &mut document.section(root, "cluster");
        let listen = document.take(table, "listen", socket);
        let address = document.take(table, "address", address);
        document.finish(table);
        Self { listen: listen.unwrap_or(default.listen), address }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), address: None }
    }
}

/// Zero sets no bound.
fn any(most: impl Into<u64>) -> Option<u64> {
    Some(most.into()).filter(|&most| most > 0)
}

/// Where to listen.
fn socket(value: &toml::de::DeValue<'_>) -> Result<SocketAddr, String> {
    let address = value.as_str().and_then(|text| text.parse().ok());
    address.ok_or_else(|| "an address and a port, as in \"127.0.0.1:8003\"".to_owned())
}

/// A host and a port.
fn address(value: &toml::de::DeValue<'_>) -> Result<String, String> {
    let address = words(value).ok().filter(|text| {
        let port = text.rsplit_once(':').and_then(|(host, port)| Some(port).filter(|_| !host.is_empty()));
        port.is_some_and(|port| port.parse::<u16>().is_ok()) && !text.contains(['/', '@', ' '])
    });
    address.ok_or_else(|| "a host and a port, as in \"proxy-1.internal:8004\"".to_owned())
}

fn model(value: &toml::de::DeValue<'_>) -> Result<String, String> {
    let model = words(value).ok().map(|model| model.strip_prefix("models/").unwrap_or(&model).to_owned());
    model
        .filter(|model| model.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)))
        .ok_or_else(|| "a model's id, as in \"gemini-3.8-live\"".to_owned())
}

fn models(value: &toml::de::DeValue<'_>) -> Result<Vec<String>, String> {
    let all = value.as_array().filter(|all| !all.is_empty());
    let all = all.and_then(|all| all.iter().map(|one| model(one.get_ref()).ok()).collect());
    all.ok_or_else(|| "a list of models' ids, as in [\"gemini-3.8-live\"]".to_owned())
}

fn origins(value: &toml::de::DeValue<'_>) -> Result<Vec<String>, String> {
    let all = texts(value)?;
    let well_formed = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '*', '@', ' ']))
    };
    if all.iter().all(well_formed) {
        return Ok(all.iter().map(|origin| origin.to_ascii_lowercase()).collect());
    }
    Err("a list of origins as browsers write them, scheme and host without a path: [\"https://example.org\"]"
        .to_owned())
}

/// Where the handbook's proxy listens, too.
const PORT: u16 = 8003;

/// A day.
const MOST_MS: u32 = 24 * 60 * 60 * 1000;

const SYSTEM_INSTRUCTION: &str = "You are a friendly voice on the phone. You are heard, not read: speak in short, plain \
                                  sentences, without lists, links or markup, in the language in which you are spoken to.";
