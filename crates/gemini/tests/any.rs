//! What holds for any value and for any bytes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod fiction;

use fiction::imagine;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use vivavoce_gemini::{
    ActivityHandling, ActivityType, Behavior, ClientContent, ClientMessage, EndSensitivity,
    HarmBlockThreshold, HarmCategory, InteractionStatus, Language, MediaResolution, Modality, Outcome,
    RealtimeInput, Scheduling, ServerMessage, Setup, StartSensitivity, ThinkingLevel, ToolResponse,
    TranscriptionMode, TurnCompleteReason, TurnCoverage, UrlRetrievalStatus, VadSignalType,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_client_says_comes_back(kind in 0..4, dice in vec(any::<u8>(), 0..1200)) {
        let message: ClientMessage = match kind {
            0 => imagine::<Setup>(&dice).into(),
            1 => imagine::<ClientContent>(&dice).into(),
            2 => imagine::<RealtimeInput>(&dice).into(),
            _ => imagine::<ToolResponse>(&dice).into(),
        };
        prop_assert_eq!(ClientMessage::decode(message.encode().as_bytes()), Ok(message));
    }

    #[test]
    fn what_the_service_says_comes_back(dice in vec(any::<u8>(), 0..1200)) {
        let message: ServerMessage = imagine(&dice);
        prop_assert_eq!(ServerMessage::decode(message.encode().as_bytes()), Ok(message));
    }

    #[test]
    fn any_bytes_are_judged(frame: Vec<u8>) {
        let _ = (ClientMessage::decode(&frame), ServerMessage::decode(&frame));
    }

    /// Of the right shape, and wrong in one place.
    #[test]
    fn any_damage_is_judged(dice in vec(any::<u8>(), 0..1200), at: prop::sample::Index, byte: u8) {
        let message: ServerMessage = imagine(&dice);
        let mut frame = message.encode().into_bytes();
        let at = at.index(frame.len());
        frame[at] = byte;
        if let Err(error) = ServerMessage::decode(&frame) {
            prop_assert!(!error.expected.is_empty() && !error.found.is_empty());
        }
    }

    #[test]
    fn free_json_is_kept(key in "[a-zA-Z_]{1,12}", number: i64, text: String) {
        let args: Value = serde_json::json!({ key: [number, text, null, { "snake_key": true, "camelKey": {} }] });
        let frame = format!(r#"{{"toolCall":{{"functionCalls":[{{"args":{args}}}]}}}}"#);
        let message = ServerMessage::decode(frame.as_bytes()).unwrap();
        let call = &message.tool_call.as_ref().unwrap().function_calls[0];
        prop_assert_eq!(call.args.as_ref(), args.as_object());
        prop_assert_eq!(message.encode(), frame);
    }
}

#[test]
fn fiction_reaches_far() {
    let dice = |seed: u32| -> Vec<u8> {
        let mut state = seed;
        let mut throw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..1200).map(|_| throw()).collect()
    };
    let messages: Vec<ServerMessage> = (0..1000).map(|seed| imagine(&dice(seed))).collect();
    let contents = || messages.iter().filter_map(|message| message.server_content.as_ref());
    assert!(
        messages
            .iter()
            .any(|message| message.voice_activity.as_ref().is_some_and(|it| it.activity.is_some()))
    );
    assert!(messages.iter().any(|message| message.go_away.as_ref().is_some_and(|it| it.time_left.is_some())));
    assert!(contents().any(|content| content.model_turn.as_ref().is_some_and(|turn| turn.parts.len() > 1)));
    let parts = || contents().filter_map(|content| content.model_turn.as_ref()).flat_map(|turn| &turn.parts);
    assert!(parts().any(|part| part.inline_data.as_ref().is_some_and(|blob| !blob.data.is_empty())));
}

#[test]
fn names_are_read_in_any_case_and_unknown_ones_kept() {
    let mut names = String::new();
    macro_rules! check {
        ($($name:ident),* $(,)?) => {
            $(for value in $name::KNOWN {
                let name = value.as_str();
                assert_eq!(&$name::from(name), value);
                assert_eq!(&$name::from(name.to_lowercase().as_str()), value);
                assert_eq!(value.to_string(), name);
            }
            let known: Vec<&str> = $name::KNOWN.iter().map($name::as_str).collect();
            names.push_str(&format!("{}: {}\n", stringify!($name), known.join(" ")));
            assert_eq!($name::from("Of_Tomorrow").as_str(), "Of_Tomorrow");
            let number: $name = serde_json::from_str("7").unwrap();
            assert_eq!(number.as_str(), "7");
            assert!(serde_json::from_str::<$name>("[]").is_err());)*
        };
    }
    check!(
        ActivityHandling,
        ActivityType,
        Behavior,
        EndSensitivity,
        HarmBlockThreshold,
        HarmCategory,
        InteractionStatus,
        Language,
        MediaResolution,
        Modality,
        Outcome,
        Scheduling,
        StartSensitivity,
        ThinkingLevel,
        TranscriptionMode,
        TurnCompleteReason,
        TurnCoverage,
        UrlRetrievalStatus,
        VadSignalType,
    );
    assert_eq!(names, include_str!("golden/names.txt"), "as the service spells them");
}
