//! What the service refuses, and in which words.

use crate::stage::{MODEL_25, MODEL_31, MODEL_38, MODEL_THINKING, Stage, caller, house, setup, setup_with};
use core::time::Duration;
use serde_json::{Value, json};
use std::sync::Arc;
use vivavoce_sim::caller::{Caller, Credential};
use vivavoce_sim::house::{House, Token};
use vivavoce_sim::model::Version;

const INVALID: &str = "Request contains an invalid argument.";
const NO_VOICES: &str = "Cannot extract voices from a non-audio request";

type Closed = Option<(u16, String)>;

fn verdict_on(setup: &Value, version: Version) -> Closed {
    let mut stage = Stage::connect(&house(""), caller(version), Duration::ZERO);
    stage.send(&json!({"setup": setup}));
    assert_eq!(stage.closed, None, "the verdict takes its time");
    stage.pass(0.3);
    assert_eq!(stage.frames.is_empty(), stage.closed.is_some());
    stage.closed
}

fn verdict(setup: &Value) -> Closed {
    verdict_on(setup, Version::V1beta)
}

fn unknown(name: &str, place: &str) -> Closed {
    let reason =
        format!("Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field.");
    Some((1007, reason))
}

fn closes(code: u16, reason: &str) -> Closed {
    Some((code, reason.to_owned()))
}

/// A setup whose generation config has some fields more.
fn config(model: &str, more: &Value) -> Value {
    let mut setup = setup(model);
    for (name, value) in more.as_object().unwrap() {
        setup["generationConfig"][name] = value.clone();
    }
    setup
}

#[test]
fn names_in_the_wrong_place_are_unknown() {
    let cases = [
        (json!({"responseModalities": ["AUDIO"]}), "responseModalities", "setup"),
        (json!({"speechConfig": {}}), "speechConfig", "setup"),
        (json!({"thinkingConfig": {}}), "thinkingConfig", "setup"),
        (json!({"mediaResolution": "MEDIA_RESOLUTION_LOW"}), "mediaResolution", "setup"),
        (json!({"toolConfig": {}}), "toolConfig", "setup"),
        (json!({"codeExecutionConfig": {}}), "codeExecutionConfig", "setup"),
        (json!({"explicitVadSignal": true}), "explicitVadSignal", "setup"),
        (
            json!({"inputAudioTranscription": {"languageCode": "en"}}),
            "languageCode",
            "setup.input_audio_transcription",
        ),
        (json!({"sessionResumption": {"transparent": true}}), "transparent", "setup.session_resumption"),
        (
            json!({"realtimeInputConfig": {"automaticActivityDetection": {"silenceMs": 5}}}),
            "silenceMs",
            "setup.realtime_input_config.automatic_activity_detection",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "b", "strict": true}]}]}),
            "strict",
            "setup.tools[0].function_declarations[1]",
        ),
        (json!({"safetySettings": [{"method": "SEVERITY"}]}), "method", "setup.safety_settings[0]"),
        (
            json!({"generation_config": {"response_modalities": ["AUDIO"], "input_audio_transcription": {}},
            "generationConfig": null}),
            "input_audio_transcription",
            "setup.generation_config",
        ),
    ];
    for (more, name, place) in cases {
        let mut setup = setup_with(MODEL_38, &more);
        if setup["generationConfig"].is_null() {
            setup.as_object_mut().unwrap().remove("generationConfig");
        }
        let expected = unknown(name, place).map(|(code, reason)| (code, reason.chars().take(123).collect()));
        assert_eq!(verdict(&setup), expected, "{more}");
    }
    let setup = config(MODEL_38, &json!({"inputAudioTranscription": {}}));
    assert_eq!(verdict(&setup), unknown("inputAudioTranscription", "setup.generation_config"));
}

#[test]
fn frames_that_are_no_messages_are_refused() {
    let cases = [
        ("{\"setup\":", "Invalid JSON payload received. Unexpected token."),
        ("[]", "Invalid JSON payload received. Unexpected token."),
        ("", "Invalid JSON payload received. Unexpected token."),
        ("{\"set_up\":{}}", "Invalid JSON payload received. Unknown name \"set_up\": Cannot find field."),
        ("{\"setup\":{},\"clientContent\":{}}", INVALID),
        ("{}", INVALID),
        ("{\"realtimeInput\":{\"text\":\"Hi\"}}", "setup must be the first message and only the first"),
    ];
    for (text, reason) in cases {
        let mut stage = Stage::connect(&house(""), caller(Version::V1beta), Duration::ZERO);
        stage.send_text(text);
        assert_eq!(stage.closed, closes(1007, reason), "{text}");
    }
}

#[test]
fn a_second_setup_is_refused() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.send(&json!({"setup": setup(MODEL_38)}));
    assert_eq!(stage.closed, closes(1007, "setup must be the first message and only the first"));
}

#[test]
fn models_that_are_not_there_are_not_found() {
    for model in ["models/gemini-2.0-flash-live-001", "models/nothing", "gemini-3.8-live"] {
        for (version, name) in [(Version::V1beta, "v1beta"), (Version::V1alpha, "v1alpha")] {
            let (code, reason) = verdict_on(&setup(model), version).unwrap();
            let full = format!(
                "{model} is not found for API version {name}, or is not supported for bidiGenerateContent. Call \
                 ModelService.ListModels to see the list of available models and their supported methods."
            );
            assert_eq!((code, reason.len(), full.starts_with(&reason)), (1008, 123, true), "{reason}");
        }
    }
}

#[test]
fn native_audio_speaks_and_does_nothing_else() {
    for (config, expected) in [
        (json!({"responseModalities": ["TEXT"]}), closes(1007, NO_VOICES)),
        (json!({"responseModalities": []}), closes(1007, NO_VOICES)),
        (json!({}), closes(1007, NO_VOICES)),
        (json!({"responseModalities": ["AUDIO", "TEXT"]}), closes(1007, INVALID)),
        (json!({"responseModalities": ["audio"]}), None),
        (json!({"response_modalities": ["AUDIO"]}), None),
    ] {
        let setup = json!({"model": MODEL_38, "generationConfig": config});
        assert_eq!(verdict(&setup), expected, "{config}");
    }
    assert_eq!(verdict(&json!({"model": MODEL_38})), closes(1007, NO_VOICES));
}

#[test]
fn voices_are_known_by_their_exact_names() {
    let voice =
        |name: &str| json!({"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}}});
    assert_eq!(verdict(&config(MODEL_38, &voice("Kore"))), None);
    for name in ["kore", "KORE", "Nobody", ""] {
        let reason = format!("Requested voice api_name '{name}' is not available for model {MODEL_38}");
        assert_eq!(verdict(&config(MODEL_38, &voice(name))), closes(1007, &reason));
    }
}

#[test]
fn each_model_has_its_own_taboos() {
    let thinking = |level: &str| json!({"thinkingConfig": {"thinkingLevel": level}});
    let budget = json!({"thinkingConfig": {"thinkingBudget": -1}});
    let affective = json!({"enableAffectiveDialog": true});
    let cases = [
        (MODEL_38, thinking("LOW"), closes(1007, INVALID)),
        (MODEL_THINKING, thinking("low"), None),
        (MODEL_THINKING, thinking("MINIMAL"), closes(1007, INVALID)),
        (MODEL_31, thinking("MINIMAL"), None),
        (MODEL_25, budget, None),
        (MODEL_25, affective.clone(), None),
        (MODEL_31, affective.clone(), closes(1011, "Internal error encountered.")),
        (MODEL_38, affective, closes(1007, INVALID)),
        (MODEL_38, json!({"translationConfig": {"targetLanguageCode": "de"}}), closes(1007, INVALID)),
        (MODEL_38, json!({"responseMimeType": "text/plain"}), closes(1007, INVALID)),
        (MODEL_38, json!({"stopSequences": ["x"]}), closes(1007, INVALID)),
        (MODEL_38, json!({"temperature": 0.8, "topK": 40, "maxOutputTokens": "100"}), None),
    ];
    for (model, more, expected) in cases {
        assert_eq!(verdict(&config(model, &more)), expected, "{model} {more}");
    }
}

#[test]
fn proactivity_is_an_extra_of_v1alpha() {
    let proactive = |model, on: bool| setup_with(model, &json!({"proactivity": {"proactiveAudio": on}}));
    assert_eq!(verdict(&proactive(MODEL_25, true)), unknown("proactivity", "setup"));
    for (model, on, expected) in [
        (MODEL_25, true, None),
        (MODEL_25, false, None),
        (MODEL_38, true, None),
        (MODEL_38, false, closes(1007, INVALID)),
        (MODEL_31, true, closes(1007, INVALID)),
    ] {
        assert_eq!(verdict_on(&proactive(model, on), Version::V1alpha), expected, "{model} {on}");
    }
}

#[test]
fn tools_are_looked_through() {
    let functions = |list: Value| json!([{"functionDeclarations": list}]);
    let many: Vec<Value> = (0..513).map(|n| json!({"name": format!("f{n}")})).collect();
    let cases = [
        (MODEL_38, functions(json!([{"name": "get_weather"}])), None),
        (MODEL_38, functions(json!([{"name": "1st"}])), closes(1007, INVALID)),
        (MODEL_38, functions(json!([{"name": "with space"}])), closes(1007, INVALID)),
        (MODEL_38, functions(json!([{"name": "n".repeat(129)}])), closes(1007, INVALID)),
        (MODEL_38, functions(many.into()), closes(1007, INVALID)),
        (MODEL_38, json!([{"googleSearch": {}}]), None),
        (
            MODEL_38,
            json!([{"googleSearch": {}}, {"functionDeclarations": [{"name": "a"}]}]),
            closes(1007, INVALID),
        ),
        (MODEL_38, json!([{"codeExecution": {}}]), closes(1007, INVALID)),
        (MODEL_THINKING, functions(json!([{"name": "a", "behavior": "BLOCKING"}])), closes(1007, INVALID)),
        (MODEL_THINKING, functions(json!([{"name": "a", "behavior": "NON_BLOCKING"}])), None),
    ];
    for (model, tools, expected) in cases {
        let setup = setup_with(model, &json!({"tools": tools}));
        assert_eq!(verdict(&setup), expected, "{model}");
    }
}

#[test]
fn values_that_cannot_be_are_refused() {
    let vad = |more: Value| json!({"realtimeInputConfig": {"automaticActivityDetection": more}});
    let path = "setup.realtime_input_config.automatic_activity_detection.end_of_speech_sensitivity";
    let cases = [
        (vad(json!({"silenceDurationMs": -1})), closes(1007, INVALID)),
        (vad(json!({"endOfSpeechSensitivity": "END_SENSITIVITY_HIGH", "silenceDurationMs": "700"})), None),
        (
            vad(json!({"endOfSpeechSensitivity": "LOUD"})),
            closes(1007, &format!("Invalid value at '{path}' (TYPE_ENUM), \"LOUD\"")),
        ),
        (
            json!({"contextWindowCompression": {"triggerTokens": "25600", "slidingWindow": {"targetTokens": 12800}}}),
            None,
        ),
        (
            json!({"contextWindowCompression": {"triggerTokens": 100, "slidingWindow": {"targetTokens": 100}}}),
            closes(1007, INVALID),
        ),
    ];
    for (more, expected) in cases {
        let expected: Closed = expected.map(|(code, reason)| (code, reason.chars().take(123).collect()));
        assert_eq!(verdict(&setup_with(MODEL_38, &more)), expected, "{more}");
    }
    let (code, reason) = verdict(&setup_with(MODEL_38, &json!({"sessionResumption": 5}))).unwrap();
    assert_eq!((code, reason.starts_with("Invalid value at 'setup': ")), (1007, true), "{reason}");
}

#[test]
fn names_that_an_enumeration_has_not_are_refused_by_their_path() {
    for (more, path) in [
        (
            json!({"realtimeInputConfig": {"turnCoverage": "LOUD"}}),
            "setup.realtime_input_config.turn_coverage",
        ),
        (json!({"safetySettings": [{"category": "LOUD"}]}), "setup.safety_settings[0].category"),
        (json!({"safetySettings": [{"threshold": "LOUD"}]}), "setup.safety_settings[0].threshold"),
        (json!({"inputAudioTranscription": {"mode": "LOUD"}}), "setup.input_audio_transcription.mode"),
        (json!({"outputAudioTranscription": {"mode": "LOUD"}}), "setup.output_audio_transcription.mode"),
    ] {
        let expected = closes(1007, &format!("Invalid value at '{path}' (TYPE_ENUM), \"LOUD\""));
        assert_eq!(verdict(&setup_with(MODEL_38, &more)), expected, "{more}");
    }
    let setup = config(MODEL_38, &json!({"mediaResolution": "LOUD"}));
    let path = "setup.generation_config.media_resolution";
    assert_eq!(verdict(&setup), closes(1007, &format!("Invalid value at '{path}' (TYPE_ENUM), \"LOUD\"")));
}

#[test]
fn the_handbooks_whole_setup_is_taken() {
    let setup = json!({
        "model": MODEL_38,
        "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 0.8,
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}},
        "systemInstruction": {"parts": [{"text": "Answer in two short sentences."}]},
        "tools": [{"functionDeclarations": [{"name": "book_table", "description": "Reserve a table",
            "behavior": "BLOCKING", "parameters": {"type": "OBJECT", "properties": {"people": {"type": "INTEGER"}}}}]}],
        "realtimeInputConfig": {"automaticActivityDetection": {"endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
            "silenceDurationMs": 700, "prefixPaddingMs": 200}, "activityHandling": "START_OF_ACTIVITY_INTERRUPTS"},
        "sessionResumption": {},
        "contextWindowCompression": {"triggerTokens": "32000", "slidingWindow": {"targetTokens": "16000"}},
        "inputAudioTranscription": {}, "outputAudioTranscription": {},
    });
    assert_eq!(verdict(&setup), None);
}

#[test]
fn words_after_the_setup_are_as_strictly_read() {
    let response = |more: Value| json!({"toolResponse": {"functionResponses": [more]}});
    let media = "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.";
    let markers = "Explicit activity control is not supported when automatic activity detection is enabled";
    let unknown_name = |name: &str, place: &str| unknown(name, place).unwrap().1;
    let cases = [
        (
            json!({"realtimeInput": {"mediaChunks": [{"mimeType": "audio/pcm", "data": ""}]}}),
            media.to_owned(),
        ),
        (json!({"realtimeInput": {"activityStart": {}}}), markers.to_owned()),
        (json!({"realtimeInput": {"activityEnd": {}}}), markers.to_owned()),
        (json!({"realtimeInput": {"media": {}}}), unknown_name("media", "realtime_input")),
        (json!({"realtimeInput": {"text": "a", "audioStreamEnd": true}}), INVALID.to_owned()),
        (json!({"realtimeInput": {"audio": {"mimeType": "audio/ogg", "data": ""}}}), INVALID.to_owned()),
        (
            json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=0", "data": ""}}}),
            INVALID.to_owned(),
        ),
        (
            json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=x", "data": ""}}}),
            INVALID.to_owned(),
        ),
        (json!({"realtimeInput": {"video": {"mimeType": "video/mp4", "data": ""}}}), INVALID.to_owned()),
        (json!({"clientContent": {"turns": [{"role": "system", "parts": []}]}}), INVALID.to_owned()),
        (json!({"toolResponse": {"requestId": "1"}}), unknown_name("requestId", "tool_response")),
        (response(json!({"name": "a", "response": {}})), INVALID.to_owned()),
        (
            response(json!({"id": "x", "name": "a", "error": "e"})),
            unknown_name("error", "tool_response.function_responses[0]"),
        ),
        (
            response(json!({"id": "x", "name": "a", "response": "text"})),
            "Invalid value at 'tool_response.function_responses[0].response': expected an object".to_owned(),
        ),
    ];
    for (message, reason) in cases {
        let mut stage = Stage::begin("", &setup(MODEL_38));
        stage.send(&message);
        let reason: String = reason.chars().take(123).collect();
        assert_eq!(stage.closed, closes(1007, &reason), "{message}");
    }
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.send(&json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "***"}}}));
    assert_eq!(stage.closed.map(|(code, _)| code), Some(1007));
}

#[test]
fn words_that_say_nothing_are_taken() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    for message in [
        json!({"realtimeInput": {}}),
        json!({"realtimeInput": {"audioStreamEnd": false}}),
        json!({"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "AAAA"}}}),
        json!({"clientContent": {}}),
        json!({"toolResponse": {}}),
    ] {
        stage.send(&message);
        assert_eq!(stage.closed, None, "{message}");
    }
}

#[test]
fn keys_are_judged_after_the_setup() {
    let unregistered = "Method doesn't allow unregistered callers (callers without established identity). Please use \
                        API Key or other form of API c";
    let bad = closes(1007, "API key not valid. Please pass a valid API key.");
    let refuse =
        "[keys]\nrefuse = { code = 1007, reason = \"User location is not supported for the API use.\" }";
    let key = |key: &str| Credential::Key(key.into());
    let cases = [
        ("", key("anything"), None),
        ("", Credential::None, closes(1008, unregistered)),
        ("", Credential::Token("auth_tokens/x".into()), closes(1008, unregistered)),
        ("[keys]\naccept = [\"good\"]", key("good"), None),
        ("[keys]\naccept = [\"good\"]", key("bad"), bad),
        (refuse, key("good"), closes(1007, "User location is not supported for the API use.")),
    ];
    for (script, credential, expected) in cases {
        let caller = Caller { credential, ..caller(Version::V1beta) };
        let mut stage = Stage::connect(&house(script), caller, Duration::ZERO);
        stage.send(&json!({"setup": setup(MODEL_38)}));
        assert_eq!(stage.closed, None);
        stage.pass(0.3);
        assert_eq!(stage.closed, expected, "{script}");
    }
}

fn with_token(house: &Arc<House>, name: &str, setup: &Value, now: Duration) -> Closed {
    let caller = Caller {
        version: Version::V1alpha,
        constrained: true,
        credential: Credential::Token(name.to_owned()),
    };
    let mut stage = Stage::connect(house, caller, now);
    stage.send(&json!({"setup": setup}));
    stage.pass(0.3);
    stage.closed
}

fn token(uses: Option<u32>, setup: Option<Value>, mask: &[&str]) -> Token {
    Token {
        uses,
        expires: Duration::from_secs(1800),
        opens_until: Duration::from_secs(60),
        setup,
        mask: mask.iter().map(|path| (*path).to_owned()).collect(),
    }
}

#[test]
fn tokens_open_as_often_and_as_long_as_they_say() {
    let house = house("");
    let malformed = closes(1007, "Missing or malformed auth token");
    let spent = closes(1011, "Token has been used too many times");
    let name = house.mint(token(Some(1), None, &[]), Duration::ZERO);
    let open = |name: &str, now| with_token(&house, name, &setup(MODEL_38), Duration::from_secs(now));
    assert_eq!(open("auth_tokens/nobody", 0), malformed);
    assert_eq!(open(&name, 0), None);
    assert_eq!(open(&name, 1), spent);
    let any = house.mint(token(None, None, &[]), Duration::ZERO);
    assert_eq!((open(&any, 1), open(&any, 59), open(&any, 61)), (None, None, malformed));
}

#[test]
fn a_locked_setup_replaces_what_the_client_wants() {
    let house = house("");
    let open = |lock: Value, mask: &[&str], setup: Value| {
        let name = house.mint(token(None, Some(lock), mask), Duration::ZERO);
        with_token(&house, &name, &setup, Duration::ZERO)
    };
    // Locking the model alone is a full lock: the modality is gone.
    assert_eq!(open(json!({"model": MODEL_38}), &[], setup(MODEL_38)), closes(1007, NO_VOICES));
    assert_eq!(open(setup(MODEL_38), &[], json!({"model": "models/nothing"})), None);
    assert_eq!(open(json!({"model": MODEL_38}), &["model"], setup("models/nothing")), None);
    let lock = json!({"generation_config": {"response_modalities": ["AUDIO"]}});
    let wish =
        json!({"model": MODEL_38, "generationConfig": {"temperature": 1, "responseModalities": ["TEXT"]}});
    let mask = &["generationConfig.responseModalities"];
    assert_eq!(open(lock.clone(), mask, wish), None);
    for nothing in [json!("setup"), json!([1]), json!(7)] {
        assert_eq!(open(lock.clone(), mask, nothing).map(|(code, _)| code), Some(1007));
    }
}

#[test]
fn resuming_costs_no_use_of_a_token() {
    let house = house("");
    let first = Stage::open(&house, &setup_with(MODEL_38, &json!({"sessionResumption": {}})), Duration::ZERO);
    let handle = first.handle().unwrap();
    drop(first);
    let name = house.mint(token(Some(1), None, &[]), Duration::ZERO);
    let resuming = setup_with(MODEL_38, &json!({"sessionResumption": {"handle": handle}}));
    assert_eq!(with_token(&house, &name, &setup(MODEL_38), Duration::ZERO), None);
    assert_eq!(with_token(&house, &name, &resuming, Duration::from_secs(100)), None);
}
