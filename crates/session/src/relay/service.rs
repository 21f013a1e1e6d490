//! The service's words: those that a relay says, and how it reads those that it hears.

use bytes::Bytes;
use vivavoce_gemini::{
    ActivityType, AutomaticActivityDetection, ClientMessage, Content, RealtimeInput, ServerContent,
    ServerMessage, Setup, VadSignalType,
};

/// Something typed, live.
pub(super) fn text(text: String) -> ClientMessage {
    RealtimeInput::text(text).into()
}

/// No more audio for the time being.
pub(super) fn stream_end() -> ClientMessage {
    RealtimeInput::stream_end().into()
}

/// Speech begins or ends, where the client marks it.
pub(super) fn activity(speaking: bool) -> ClientMessage {
    if speaking { RealtimeInput::activity_start() } else { RealtimeInput::activity_end() }.into()
}

/// Switches the service's own detector off, with all that tunes it.
pub(super) fn leave_turns_to_the_client(setup: &mut Setup) {
    let listening = setup.realtime_input_config.get_or_insert_default();
    listening.automatic_activity_detection =
        Some(AutomaticActivityDetection { disabled: true, ..AutomaticActivityDetection::default() });
}

/// The sound in a message, piece by piece.
pub(super) fn audio(content: &ServerContent) -> Vec<Bytes> {
    let blobs = content.model_turn.iter().flat_map(Content::audio);
    blobs.filter(|blob| blob.is_pcm()).map(|blob| blob.data.clone()).collect()
}

/// The model's words in a message: those of its voice, and those that it writes where it has none.
pub(super) fn words(content: &ServerContent) -> String {
    let spoken = content.output_transcription.iter().map(|piece| piece.text.as_str());
    let written = content.model_turn.iter().flat_map(Content::texts);
    spoken.chain(written).collect()
}

/// Whether the service noticed that the user began or stopped speaking.
pub(super) fn speaking(message: &ServerMessage) -> Option<bool> {
    let activity = message.voice_activity.as_ref().and_then(|activity| activity.activity.as_ref());
    let signal = message.voice_activity_detection_signal.as_ref();
    match (activity, signal.and_then(|signal| signal.vad_signal_type.as_ref())) {
        (Some(ActivityType::Start), _) | (_, Some(VadSignalType::StartOfSpeech)) => Some(true),
        (Some(ActivityType::End), _) | (_, Some(VadSignalType::EndOfSpeech)) => Some(false),
        _ => None,
    }
}
