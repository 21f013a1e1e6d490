//! What the model says, and how its turn goes.

use crate::content::{Blob, Content};
use crate::grammar::{choice, word};
use crate::grounding::{GroundingMetadata, UrlContextMetadata};
use crate::transcription::Transcription;

word! {
    /// What the model says, and how its turn goes. Fields come together in any number.
    pub struct ServerContent {
        /// The next piece of what the model says.
        model_turn "modelTurn": Option<Content>,
        /// The model has produced its whole turn; it may still be playing. Never of an interrupted turn.
        generation_complete "generationComplete": bool,
        /// The turn is over, playback included as far as the service can tell.
        turn_complete "turnComplete": bool,
        /// The user spoke over the model: what is still to be played shall not be.
        interrupted: bool,
        /// The next piece of what the user said, to be appended.
        input_transcription "inputTranscription": Option<Transcription>,
        /// A quick guess at what the user is saying, to replace the guess before.
        interim_input_transcription "interimInputTranscription": Option<Transcription>,
        /// The next piece of what the model says, to be appended.
        output_transcription "outputTranscription": Option<Transcription>,
        /// What the answer rests on.
        grounding_metadata "groundingMetadata": Option<GroundingMetadata>,
        /// Which pages were read.
        url_context_metadata "urlContextMetadata": Option<UrlContextMetadata>,
        /// Why the turn is over, beside `turnComplete`.
        turn_complete_reason "turnCompleteReason": Option<TurnCompleteReason>,
        /// The model is silent because it expects the user to go on.
        waiting_for_input "waitingForInput": bool,
        /// Whether work goes on beyond the turn; the envelope may hold it, too.
        interaction_status "interactionStatus": Option<InteractionStatus>,
    }
}

choice! {
    /// Whether work goes on beyond a turn.
    pub enum InteractionStatus {
        /// None given.
        Unspecified = "INTERACTION_STATUS_UNSPECIFIED",
        /// What was said bridges the time; more follows.
        InProgress = "IN_PROGRESS",
        /// All is said.
        Idle = "IDLE",
        /// The client has something to do; deprecated.
        RequiresAction = "REQUIRES_ACTION",
    }
}

choice! {
    /// Why a turn is over.
    pub enum TurnCompleteReason {
        /// None given.
        Unspecified = "TURN_COMPLETE_REASON_UNSPECIFIED",
        /// The model called a function wrongly.
        MalformedFunctionCall = "MALFORMED_FUNCTION_CALL",
        /// The service held the answer back.
        ResponseRejected = "RESPONSE_REJECTED",
        /// The user has not finished.
        NeedMoreInput = "NEED_MORE_INPUT",
        /// What the user said is prohibited.
        ProhibitedInputContent = "PROHIBITED_INPUT_CONTENT",
        /// A picture of the user's is prohibited.
        ImageProhibitedInputContent = "IMAGE_PROHIBITED_INPUT_CONTENT",
        /// The user's text is about a prominent person.
        InputTextContainProminentPersonProhibited = "INPUT_TEXT_CONTAIN_PROMINENT_PERSON_PROHIBITED",
        /// The user's picture shows a celebrity.
        InputImageCelebrity = "INPUT_IMAGE_CELEBRITY",
        /// The user's picture shows a child.
        InputImagePhotoRealisticChildProhibited = "INPUT_IMAGE_PHOTO_REALISTIC_CHILD_PROHIBITED",
        /// The user's text is about intimate pictures.
        InputTextNciiProhibited = "INPUT_TEXT_NCII_PROHIBITED",
        /// Something else about what the user said.
        InputOther = "INPUT_OTHER",
        /// The user's text infringes somebody's rights.
        InputIpProhibited = "INPUT_IP_PROHIBITED",
        /// A listed term.
        Blocklist = "BLOCKLIST",
        /// Unsafe to draw.
        UnsafePromptForImageGeneration = "UNSAFE_PROMPT_FOR_IMAGE_GENERATION",
        /// The drawn picture is unsafe.
        GeneratedImageSafety = "GENERATED_IMAGE_SAFETY",
        /// The answer is unsafe.
        GeneratedContentSafety = "GENERATED_CONTENT_SAFETY",
        /// The spoken answer is unsafe.
        GeneratedAudioSafety = "GENERATED_AUDIO_SAFETY",
        /// The filmed answer is unsafe.
        GeneratedVideoSafety = "GENERATED_VIDEO_SAFETY",
        /// The answer is prohibited.
        GeneratedContentProhibited = "GENERATED_CONTENT_PROHIBITED",
        /// The answer holds a listed term.
        GeneratedContentBlocklist = "GENERATED_CONTENT_BLOCKLIST",
        /// The drawn picture is prohibited.
        GeneratedImageProhibited = "GENERATED_IMAGE_PROHIBITED",
        /// The drawn picture shows a celebrity.
        GeneratedImageCelebrity = "GENERATED_IMAGE_CELEBRITY",
        /// The drawn picture shows prominent people.
        GeneratedImageProminentPeopleDetectedByRewriter = "GENERATED_IMAGE_PROMINENT_PEOPLE_DETECTED_BY_REWRITER",
        /// The drawn picture shows people who can be told.
        GeneratedImageIdentifiablePeople = "GENERATED_IMAGE_IDENTIFIABLE_PEOPLE",
        /// The drawn picture shows minors.
        GeneratedImageMinors = "GENERATED_IMAGE_MINORS",
        /// The drawn picture infringes somebody's rights.
        OutputImageIpProhibited = "OUTPUT_IMAGE_IP_PROHIBITED",
        /// Something else about the answer.
        GeneratedOther = "GENERATED_OTHER",
        /// The service tried too often.
        MaxRegenerationReached = "MAX_REGENERATION_REACHED",
    }
}

impl ServerContent {
    /// Every piece of audio in it, in order.
    pub fn audio(&self) -> impl Iterator<Item = &Blob> {
        self.model_turn.iter().flat_map(Content::audio)
    }

    /// Every text that the model says in it, thoughts left out.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.model_turn.iter().flat_map(Content::texts)
    }
}
