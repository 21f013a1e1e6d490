//! The words between proxy and Gemini Live.
//!
//! [`ClientMessage`] goes up, [`ServerMessage`] comes down; each encodes to and decodes from one
//! WebSocket frame of JSON. Names are those of the wire. The modules: one noun each, as its file says.
//!
//! The one rule: a reader takes whatever the service may come to say (unknown fields, unknown names
//! of values, any number of fields together, none at all), a writer says it in one way only.

#![forbid(unsafe_code)]

mod activity;
mod client;
mod content;
mod error;
mod generation;
mod grounding;
mod listening;
mod realtime;
mod server;
mod server_content;
mod setup;
mod speech;
mod tool;
mod transcription;
mod usage;
mod voice;

mod bytes64;
mod duration;
mod grammar;
mod integer;

pub use activity::{ActivityType, VadSignalType, VoiceActivity, VoiceActivityDetectionSignal};
pub use client::ClientMessage;
pub use content::{
    Blob, ClientContent, CodeExecutionResult, Content, ExecutableCode, FileData, Language, Outcome, Part,
};
pub use error::DecodeError;
pub use generation::{
    GenerationConfig, MediaResolution, Modality, ThinkingConfig, ThinkingLevel, TranslationConfig,
};
pub use grammar::Empty;
pub use grounding::{
    GroundingChunk, GroundingMetadata, SearchEntryPoint, UrlContextMetadata, UrlMetadata, UrlRetrievalStatus,
    WebChunk,
};
pub use listening::{
    ActivityHandling, AutomaticActivityDetection, EndSensitivity, RealtimeInputConfig, StartSensitivity,
    TurnCoverage,
};
pub use realtime::RealtimeInput;
pub use server::{GoAway, ServerMessage, SessionResumptionUpdate, SetupComplete, Status};
pub use server_content::{InteractionStatus, ServerContent, TurnCompleteReason};
pub use setup::{
    AvatarConfig, ContextWindowCompression, CustomizedAvatar, HarmBlockThreshold, HarmCategory,
    HistoryConfig, ProactivityConfig, SafetySetting, SessionResumptionConfig, Setup, SlidingWindow,
};
pub use speech::{
    PrebuiltVoiceConfig, ReplicatedVoiceConfig, SpeechConfig, VoiceConfig, VoiceConsentSignature,
};
pub use tool::{
    Behavior, FunctionCall, FunctionDeclaration, FunctionResponse, FunctionResponsePart, Object, Scheduling,
    Tool, ToolCall, ToolCallCancellation, ToolResponse,
};
pub use transcription::{AudioTranscriptionConfig, LanguageHints, Transcription, TranscriptionMode, Word};
pub use usage::{ModalityTokenCount, UsageMetadata};
pub use voice::voice;
