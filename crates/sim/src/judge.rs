//! Reads what a client sends as strictly as the service does.

use crate::house::Token;
use crate::model::{self, Family, Version};
use crate::refusal;
use crate::said::{Response, Said, Scheduling};
use crate::script::{Close, Script};
use crate::terms::{Declared, Terms};
use crate::vad::VadTuning;
use core::fmt::Write as _;
use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::{Map, Value};
use vivavoce_gemini::{
    ActivityHandling, AutomaticActivityDetection, Behavior, Blob, ClientContent, Content, EndSensitivity,
    FunctionDeclaration, FunctionResponse, GenerationConfig, HarmBlockThreshold, HarmCategory,
    MediaResolution, Modality, RealtimeInput, Setup, SpeechConfig, StartSensitivity, ThinkingLevel,
    ToolResponse, TranscriptionMode, TurnCoverage,
};

/// One frame, sorted.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A setup.
    Setup(Value),
    /// Anything else.
    Word(Word),
}

/// One frame after the setup, unread.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// `clientContent`.
    Content(Value),
    /// `realtimeInput`.
    Realtime(Value),
    /// `toolResponse`.
    Tool(Value),
}

/// Sorts a frame.
///
/// # Errors
/// The close for what is not JSON, has unknown names, or not exactly one known one.
pub fn read(frame: &[u8]) -> Result<Frame, Close> {
    let fields: Map<String, Value> = serde_json::from_slice(frame).map_err(|_| refusal::malformed())?;
    let mut found = None;
    for (name, value) in fields {
        let frame = match name.as_str() {
            "setup" => Frame::Setup(value),
            "clientContent" | "client_content" => Frame::Word(Word::Content(value)),
            "realtimeInput" | "realtime_input" => Frame::Word(Word::Realtime(value)),
            "toolResponse" | "tool_response" => Frame::Word(Word::Tool(value)),
            _ => return Err(refusal::unknown_name(&name, "")),
        };
        if found.replace(frame).is_some() {
            return Err(refusal::invalid_argument());
        }
    }
    found.ok_or_else(refusal::invalid_argument)
}

/// Reads a frame after the setup; nothing, where it says nothing.
///
/// # Errors
/// The close for what the service would not take.
pub fn said(word: Word) -> Result<Option<Said>, Close> {
    match word {
        Word::Content(value) => content(&strict(value, "client_content")?).map(Some),
        Word::Realtime(value) => realtime(strict(value, "realtime_input")?),
        Word::Tool(value) => {
            if let Some(index) = response_that_is_no_object(&value) {
                return Err(refusal::invalid_value(
                    &format!("tool_response.function_responses[{index}].response"),
                    "expected an object",
                ));
            }
            tool_response(strict(value, "tool_response")?).map(Some)
        }
    }
}

/// Whether a setup asks to resume.
pub fn names_a_handle(setup: &Value) -> bool {
    let resumption = setup.get("sessionResumption").or_else(|| setup.get("session_resumption"));
    let handle = resumption.and_then(|resumption| resumption.get("handle")).and_then(Value::as_str);
    handle.is_some_and(|handle| !handle.is_empty())
}

/// The setup that holds where a token locks some of it.
pub fn locked(setup: &Value, token: Option<&Token>) -> Value {
    let Some((token, lock)) = token.and_then(|token| Some((token, token.setup.as_ref()?))) else {
        return setup.clone();
    };
    if token.mask.is_empty() {
        return lock.clone();
    }
    // What is no setup at all is refused as that.
    if !setup.is_object() {
        return setup.clone();
    }
    let (mut setup, lock) = (camel(setup, 2), camel(lock, 2));
    for path in &token.mask {
        let names: Vec<String> = path.split('.').map(to_camel).collect();
        match names.as_slice() {
            [name] => setup[name.as_str()] = lock[name.as_str()].clone(),
            [outer, inner, ..] => {
                if !setup[outer.as_str()].is_object() {
                    setup[outer.as_str()] = Value::Object(Map::new());
                }
                setup[outer.as_str()][inner.as_str()] = lock[outer.as_str()][inner.as_str()].clone();
            }
            [] => {}
        }
    }
    setup
}

/// Reads a setup.
///
/// # Errors
/// The close for everything that the service refuses.
pub fn setup(setup: &Value, version: Version, script: &Script) -> Result<Terms, Close> {
    let setup: Setup = strict(setup.clone(), "setup")?;
    let family = Family::of(&setup.model, version)?;
    check_places(&setup, version, script)?;
    check_names(&setup)?;
    check_generation(setup.generation_config.as_ref(), &setup.model, family, script)?;
    check_proactivity(&setup, family)?;
    let tools = tools(&setup, family)?;
    let listening = setup.realtime_input_config.clone().unwrap_or_default();
    let detection = listening.automatic_activity_detection.unwrap_or_default();
    let resumption = setup.session_resumption.as_ref();
    Ok(Terms {
        family,
        tuning: tuning(&detection, script)?,
        manual: detection.disabled,
        padding_ms: milliseconds(detection.prefix_padding_ms)?.unwrap_or(USUAL_PADDING_MS),
        interrupts: interrupts(listening.activity_handling.as_ref())?,
        transcribes_input: setup.input_audio_transcription.is_some(),
        transcribes_output: setup.output_audio_transcription.is_some(),
        resumption: resumption.is_some(),
        handle: resumption.and_then(|wish| wish.handle.clone()).filter(|handle| !handle.is_empty()),
        compression: compression(&setup)?,
        initial_history: setup.history_config.as_ref().is_some_and(|h| h.initial_history_in_client_content),
        instruction_tokens: instruction_tokens(&setup),
        tools,
        model: setup.model,
    })
}

/// Reads a word and refuses names that it has no place for.
fn strict<T: DeserializeOwned>(value: Value, place: &str) -> Result<T, Close> {
    if !value.is_object() {
        return Err(refusal::invalid_value(place, "expected an object"));
    }
    let mut unknown = None;
    let mut note = |path: Path<'_>| {
        if unknown.is_none() {
            unknown = Some(split(&path));
        }
    };
    let word = serde_ignored::deserialize(value, &mut note);
    if let Some((name, inner)) = unknown {
        return Err(refusal::unknown_name(&name, &format!("{place}{inner}")));
    }
    word.map_err(|error: serde_json::Error| refusal::invalid_value(place, &error.to_string()))
}

/// The last name of a path as it was sent, and what is before it in snake case.
fn split(path: &Path<'_>) -> (String, String) {
    match path {
        Path::Root => (String::new(), String::new()),
        Path::Map { parent, key } => (key.clone(), place(parent)),
        Path::Seq { parent, index } => (index.to_string(), place(parent)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            split(parent)
        }
    }
}

fn place(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Map { parent, key } => format!("{}.{}", place(parent), to_snake(key)),
        Path::Seq { parent, index } => format!("{}[{index}]", place(parent)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            place(parent)
        }
    }
}

/// Fields that the types know, but not this door of the service.
fn check_places(setup: &Setup, version: Version, script: &Script) -> Result<(), Close> {
    let unknown = |name: &str, path: &str| Err(refusal::unknown_name(name, path));
    if setup.explicit_vad_signal.is_some() {
        return unknown("explicitVadSignal", "setup");
    }
    if setup.session_resumption.as_ref().is_some_and(|wish| wish.transparent.is_some()) {
        return unknown("transparent", "setup.session_resumption");
    }
    if let Some(index) = setup.safety_settings.iter().position(|setting| setting.method.is_some()) {
        return unknown("method", &format!("setup.safety_settings[{index}]"));
    }
    let early = version != Version::V1alpha && script.strict.proactivity_needs_v1alpha;
    if setup.proactivity.is_some() && early {
        return unknown("proactivity", "setup");
    }
    Ok(())
}

/// Enumerations that nothing else here looks at.
fn check_names(setup: &Setup) -> Result<(), Close> {
    let refuse = |path: &str, name: &str| Err(refusal::invalid_enum(path, name));
    let config = setup.generation_config.as_ref();
    if let Some(MediaResolution::Other(name)) = config.and_then(|config| config.media_resolution.as_ref()) {
        return refuse("setup.generation_config.media_resolution", name);
    }
    let listening = setup.realtime_input_config.as_ref();
    if let Some(TurnCoverage::Other(name)) = listening.and_then(|listening| listening.turn_coverage.as_ref())
    {
        return refuse("setup.realtime_input_config.turn_coverage", name);
    }
    for (index, setting) in setup.safety_settings.iter().enumerate() {
        if let Some(HarmCategory::Other(name)) = &setting.category {
            return refuse(&format!("setup.safety_settings[{index}].category"), name);
        }
        if let Some(HarmBlockThreshold::Other(name)) = &setting.threshold {
            return refuse(&format!("setup.safety_settings[{index}].threshold"), name);
        }
    }
    for (path, wish) in [
        ("setup.input_audio_transcription.mode", &setup.input_audio_transcription),
        ("setup.output_audio_transcription.mode", &setup.output_audio_transcription),
    ] {
        if let Some(TranscriptionMode::Other(name)) = wish.as_ref().and_then(|wish| wish.mode.as_ref()) {
            return refuse(path, name);
        }
    }
    Ok(())
}

fn check_generation(
    config: Option<&GenerationConfig>,
    model: &str,
    family: Family,
    script: &Script,
) -> Result<(), Close> {
    let Some(config) = config else { return Err(refusal::no_voices()) };
    if let Some(Modality::Other(name)) =
        config.response_modalities.iter().find(|m| matches!(m, Modality::Other(_)))
    {
        return Err(refusal::invalid_enum("setup.generation_config.response_modalities[0]", name));
    }
    match config.response_modalities.as_slice() {
        [Modality::Audio] => {}
        [Modality::Text] if family == Family::Flash31 => return Err(refusal::internal()),
        [] | [_] => return Err(refusal::no_voices()),
        _ => return Err(refusal::invalid_argument()),
    }
    if has_what_live_has_not(config) || (config.translation_config.is_some() && !model.contains("translate"))
    {
        return Err(refusal::invalid_argument());
    }
    check_thinking(config, family, script)?;
    match (config.enable_affective_dialog, family) {
        (Some(true), Family::Flash31) => return Err(refusal::internal()),
        (Some(true), Family::Live38 | Family::Thinking38) => return Err(refusal::invalid_argument()),
        (_, _) => {}
    }
    config.speech_config.as_ref().map_or(Ok(()), |speech| check_speech(speech, model))
}

const fn has_what_live_has_not(config: &GenerationConfig) -> bool {
    config.response_mime_type.is_some()
        || config.response_schema.is_some()
        || config.response_json_schema.is_some()
        || config.response_logprobs.is_some()
        || config.logprobs.is_some()
        || !config.stop_sequences.is_empty()
        || config.routing_config.is_some()
        || config.audio_timestamp.is_some()
}

fn check_thinking(config: &GenerationConfig, family: Family, script: &Script) -> Result<(), Close> {
    let Some(thinking) = &config.thinking_config else { return Ok(()) };
    if let Some(ThinkingLevel::Other(name)) = &thinking.thinking_level {
        return Err(refusal::invalid_enum("setup.generation_config.thinking_config.thinking_level", name));
    }
    let minimal = thinking.thinking_level == Some(ThinkingLevel::Minimal);
    match family {
        Family::Live38 if script.strict.thinking_on_3_8_fails => Err(refusal::invalid_argument()),
        Family::Thinking38 if minimal => Err(refusal::invalid_argument()),
        Family::Live38 | Family::Thinking38 | Family::Flash31 | Family::Native25 => Ok(()),
    }
}

fn check_speech(speech: &SpeechConfig, model: &str) -> Result<(), Close> {
    if speech.multi_speaker_voice_config.is_some() {
        return Err(refusal::invalid_argument());
    }
    let voice = speech.voice_config.as_ref().and_then(|voice| voice.prebuilt_voice_config.as_ref());
    match voice {
        Some(voice) if !model::has_voice(&voice.voice_name) => {
            Err(refusal::unknown_voice(&voice.voice_name, model))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_proactivity(setup: &Setup, family: Family) -> Result<(), Close> {
    let Some(wish) = &setup.proactivity else { return Ok(()) };
    match family {
        Family::Flash31 => Err(refusal::invalid_argument()),
        Family::Live38 | Family::Thinking38 if wish.proactive_audio == Some(false) => {
            Err(refusal::invalid_argument())
        }
        Family::Live38 | Family::Thinking38 | Family::Native25 => Ok(()),
    }
}

fn tools(setup: &Setup, family: Family) -> Result<Vec<Declared>, Close> {
    let mut declared = Vec::new();
    let mut searches = false;
    for tool in &setup.tools {
        let old = [&tool.google_search_retrieval, &tool.code_execution, &tool.url_context];
        let foreign = [&tool.google_maps, &tool.file_search, &tool.computer_use];
        if old.into_iter().chain(foreign).any(Option::is_some) {
            return Err(refusal::invalid_argument());
        }
        searches |= tool.google_search.is_some();
        for function in &tool.function_declarations {
            declared.push(declaration(function, family)?);
        }
    }
    if declared.len() > MOST_FUNCTIONS || (searches && !declared.is_empty()) {
        return Err(refusal::invalid_argument());
    }
    Ok(declared)
}

fn declaration(function: &FunctionDeclaration, family: Family) -> Result<Declared, Close> {
    let name = &function.name;
    let begins_well = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let goes_on_well = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.:-".contains(letter));
    if !begins_well || !goes_on_well || name.len() > MOST_NAME_BYTES {
        return Err(refusal::invalid_argument());
    }
    let blocking = match &function.behavior {
        Some(Behavior::Blocking) if family == Family::Thinking38 => return Err(refusal::invalid_argument()),
        Some(Behavior::Blocking) => Some(true),
        Some(Behavior::NonBlocking) => Some(false),
        Some(Behavior::Unspecified) | None => None,
        Some(Behavior::Other(name)) => {
            return Err(refusal::invalid_enum("setup.tools.function_declarations.behavior", name));
        }
    };
    Ok(Declared { name: name.clone(), blocking })
}

fn tuning(detection: &AutomaticActivityDetection, script: &Script) -> Result<VadTuning, Close> {
    const PATH: &str = "setup.realtime_input_config.automatic_activity_detection";
    let mut tuning = VadTuning::USUAL;
    match &detection.start_of_speech_sensitivity {
        Some(StartSensitivity::Low) => {
            tuning = VadTuning { start_margin_db: 14.0, commit_ms: 120, commit_window_ms: 180, ..tuning };
        }
        Some(StartSensitivity::Other(name)) => {
            return Err(refusal::invalid_enum(&format!("{PATH}.start_of_speech_sensitivity"), name));
        }
        Some(StartSensitivity::High | StartSensitivity::Unspecified) | None => {}
    }
    match &detection.end_of_speech_sensitivity {
        Some(EndSensitivity::High) => {
            tuning = VadTuning { hold_margin_db: 7.0, silence_ms: 600, ..tuning };
        }
        Some(EndSensitivity::Low) => {
            tuning = VadTuning { hold_margin_db: 4.0, silence_ms: 1200, ..tuning };
        }
        Some(EndSensitivity::Other(name)) => {
            return Err(refusal::invalid_enum(&format!("{PATH}.end_of_speech_sensitivity"), name));
        }
        Some(EndSensitivity::Unspecified) | None => {}
    }
    let said = milliseconds(detection.silence_duration_ms)?;
    tuning.silence_ms = said.or(script.hearing.silence_ms).unwrap_or(tuning.silence_ms);
    Ok(tuning)
}

fn interrupts(handling: Option<&ActivityHandling>) -> Result<bool, Close> {
    match handling {
        Some(ActivityHandling::NoInterruption) => Ok(false),
        Some(ActivityHandling::StartOfActivityInterrupts | ActivityHandling::Unspecified) | None => Ok(true),
        Some(ActivityHandling::Other(name)) => {
            Err(refusal::invalid_enum("setup.realtime_input_config.activity_handling", name))
        }
    }
}

fn milliseconds(value: Option<i32>) -> Result<Option<u32>, Close> {
    value.map(u32::try_from).transpose().map_err(|_| refusal::invalid_argument())
}

fn compression(setup: &Setup) -> Result<Option<(u64, u64)>, Close> {
    let Some(wish) = &setup.context_window_compression else { return Ok(None) };
    let trigger = wish.trigger_tokens.unwrap_or(USUAL_TRIGGER_TOKENS);
    let target = wish.sliding_window.as_ref().and_then(|window| window.target_tokens).unwrap_or(trigger / 2);
    if trigger <= 0 || target < 0 || target >= trigger {
        return Err(refusal::invalid_argument());
    }
    Ok(Some((trigger.unsigned_abs(), target.unsigned_abs())))
}

fn instruction_tokens(setup: &Setup) -> u64 {
    let instruction = setup.system_instruction.as_ref().map_or(0, |content| text(content).len());
    let tools = serde_json::to_string(&setup.tools).map_or(0, |text| text.len() - 2);
    (instruction + tools) as u64 / 4
}

fn content(word: &ClientContent) -> Result<Said, Close> {
    let mut turns = Vec::new();
    for turn in &word.turns {
        let by_model = match turn.role.as_str() {
            "user" | "" => false,
            "model" => true,
            _ => return Err(refusal::invalid_argument()),
        };
        turns.push((by_model, text(turn)));
    }
    Ok(Said::Content { turns, complete: word.turn_complete })
}

fn text(content: &Content) -> String {
    content.parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
}

fn realtime(word: RealtimeInput) -> Result<Option<Said>, Close> {
    if !word.media_chunks.is_empty() {
        return Err(refusal::media_chunks());
    }
    let audio = word.audio.map(audio).transpose()?;
    let video = word.video.as_ref().map(video).transpose()?;
    let mut said = [
        audio,
        video,
        word.text.map(Said::Text),
        word.audio_stream_end.then_some(Said::StreamEnd),
        word.activity_start.map(|_| Said::ActivityStart),
        word.activity_end.map(|_| Said::ActivityEnd),
    ]
    .into_iter()
    .flatten();
    let first = said.next();
    if said.next().is_some() { Err(refusal::invalid_argument()) } else { Ok(first) }
}

fn audio(blob: Blob) -> Result<Said, Close> {
    let names_a_rate = blob.mime_type.to_ascii_lowercase().contains("rate=");
    match blob.rate_hz() {
        _ if !blob.is_pcm() => Err(refusal::invalid_argument()),
        None if names_a_rate => Err(refusal::invalid_argument()),
        rate_hz => Ok(Said::Audio { rate_hz: rate_hz.unwrap_or(USUAL_RATE_HZ), bytes: blob.data }),
    }
}

fn video(blob: &Blob) -> Result<Said, Close> {
    match blob.mime_type.as_str() {
        "image/jpeg" | "image/png" => Ok(Said::Video),
        _ => Err(refusal::invalid_argument()),
    }
}

fn tool_response(word: ToolResponse) -> Result<Said, Close> {
    let responses = word.function_responses.into_iter().map(response).collect::<Result<Vec<_>, _>>()?;
    Ok(Said::Responses(responses))
}

fn response(word: FunctionResponse) -> Result<Response, Close> {
    use vivavoce_gemini::Scheduling as Wish;
    let id = word.id.filter(|id| !id.is_empty()).ok_or_else(refusal::invalid_argument)?;
    let result = word.response.ok_or_else(refusal::invalid_argument)?;
    if word.name.is_empty() {
        return Err(refusal::invalid_argument());
    }
    // Older samples put it inside the response; the service takes both.
    let inside = result.get("scheduling").and_then(Value::as_str).map(Wish::from);
    let scheduling = match word.scheduling.or(inside) {
        Some(Wish::Silent) => Scheduling::Silent,
        Some(Wish::Interrupt) => Scheduling::Interrupt,
        Some(Wish::WhenIdle | Wish::Unspecified) | None => Scheduling::WhenIdle,
        Some(Wish::Other(name)) => {
            return Err(refusal::invalid_enum("tool_response.function_responses.scheduling", &name));
        }
    };
    let will_continue = word.will_continue == Some(true);
    Ok(Response { id, result: Value::Object(result), scheduling, will_continue })
}

fn response_that_is_no_object(value: &Value) -> Option<usize> {
    let list = value.get("functionResponses").or_else(|| value.get("function_responses"))?;
    let is_odd = |item: &Value| item.get("response").is_some_and(|response| !response.is_object());
    list.as_array()?.iter().position(is_odd)
}

/// The names of an object in camel case, so many levels deep.
fn camel(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(fields) if depth > 0 => {
            fields.iter().map(|(name, value)| (to_camel(name), camel(value, depth - 1))).collect()
        }
        _ => value.clone(),
    }
}

fn to_camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut rises = false;
    for letter in name.chars() {
        match letter {
            '_' => rises = true,
            _ if rises => {
                camel.push(letter.to_ascii_uppercase());
                rises = false;
            }
            _ => camel.push(letter),
        }
    }
    camel
}

fn to_snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            let _ = write!(snake, "_{}", letter.to_ascii_lowercase());
        } else {
            snake.push(letter);
        }
    }
    snake
}

/// `audio/pcm` without a rate.
const USUAL_RATE_HZ: u32 = 16_000;
/// The service's own padding is not published; this keeps first syllables whole.
const USUAL_PADDING_MS: u32 = 200;
/// 80 % of the window.
const USUAL_TRIGGER_TOKENS: i64 = 104_857;
const MOST_FUNCTIONS: usize = 512;
const MOST_NAME_BYTES: usize = 128;
