//! What was used.

use crate::generation::Modality;
use crate::grammar::word;

word! {
    /// Tokens used: of a turn in its last frame, of a piece where there is no prompt count.
    pub struct UsageMetadata {
        /// Those that the model took in.
        prompt_token_count "promptTokenCount": Option<i32> as "crate::grammar::maybe",
        /// Those of them that it remembered cheaply.
        cached_content_token_count "cachedContentTokenCount": Option<i32> as "crate::grammar::maybe",
        /// Those that it said; [`Self::response_tokens`] reads Vertex's name, too.
        response_token_count "responseTokenCount": Option<i32> as "crate::grammar::maybe",
        /// Those that it said, as Vertex names them.
        candidates_token_count "candidatesTokenCount": Option<i32> as "crate::grammar::maybe",
        /// Those of tools' answers.
        tool_use_prompt_token_count "toolUsePromptTokenCount": Option<i32> as "crate::grammar::maybe",
        /// Those that it thought.
        thoughts_token_count "thoughtsTokenCount": Option<i32> as "crate::grammar::maybe",
        /// All of them.
        total_token_count "totalTokenCount": Option<i32> as "crate::grammar::maybe",
        /// What it took in, by form.
        prompt_tokens_details "promptTokensDetails": Vec<ModalityTokenCount>,
        /// What it remembered, by form.
        cache_tokens_details "cacheTokensDetails": Vec<ModalityTokenCount>,
        /// What it said, by form.
        response_tokens_details "responseTokensDetails": Vec<ModalityTokenCount>,
        /// What it said, by form, as Vertex names it.
        candidates_tokens_details "candidatesTokensDetails": Vec<ModalityTokenCount>,
        /// What tools answered, by form.
        tool_use_prompt_tokens_details "toolUsePromptTokensDetails": Vec<ModalityTokenCount>,
        /// How the request was served; Gemini API only.
        service_tier "serviceTier": Option<String>,
        /// How the request was paid for; Vertex only.
        traffic_type "trafficType": Option<String>,
    }
}

word! {
    /// Tokens of one form.
    pub struct ModalityTokenCount {
        /// The form.
        modality: Option<Modality>,
        /// How many.
        token_count "tokenCount": Option<i32> as "crate::grammar::maybe",
    }
}

impl UsageMetadata {
    /// Tokens that the model said, under either name.
    pub fn response_tokens(&self) -> Option<i32> {
        self.response_token_count.or(self.candidates_token_count)
    }

    /// Tokens that the model said, by form, under either name.
    pub fn response_details(&self) -> &[ModalityTokenCount] {
        if self.response_tokens_details.is_empty() {
            &self.candidates_tokens_details
        } else {
            &self.response_tokens_details
        }
    }
}

impl ModalityTokenCount {
    /// So many tokens of that form.
    pub fn new(modality: Modality, token_count: i32) -> Self {
        Self { modality: Some(modality), token_count: Some(token_count) }
    }
}
