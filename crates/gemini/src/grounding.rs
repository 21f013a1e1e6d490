//! What an answer rests on.

use crate::grammar::{choice, word};
use serde_json::Value;

word! {
    /// What an answer rests on.
    pub struct GroundingMetadata {
        /// What was searched for.
        web_search_queries "webSearchQueries": Vec<String>,
        /// What was found.
        grounding_chunks "groundingChunks": Vec<GroundingChunk>,
        /// Which words rest on which find.
        grounding_supports "groundingSupports": Vec<Value>,
        /// What must be shown beside the answer.
        search_entry_point "searchEntryPoint": Option<SearchEntryPoint>,
        /// How it was found.
        retrieval_metadata "retrievalMetadata": Option<Value>,
    }
}

word! {
    /// Something found.
    pub struct GroundingChunk {
        /// In the web.
        web: Option<WebChunk>,
    }
}

word! {
    /// A page found.
    pub struct WebChunk {
        /// Its address.
        uri: String,
        /// Its title.
        title: String,
        /// Its domain.
        domain: String,
    }
}

word! {
    /// What must be shown beside the answer.
    pub struct SearchEntryPoint {
        /// A piece of HTML.
        rendered_content "renderedContent": String,
    }
}

word! {
    /// Which pages were read.
    pub struct UrlContextMetadata {
        /// The pages.
        url_metadata "urlMetadata": Vec<UrlMetadata>,
    }
}

word! {
    /// A page that was to be read.
    pub struct UrlMetadata {
        /// Its address.
        retrieved_url "retrievedUrl": String,
        /// How it went.
        url_retrieval_status "urlRetrievalStatus": Option<UrlRetrievalStatus>,
    }
}

choice! {
    /// How reading a page went.
    pub enum UrlRetrievalStatus {
        /// None given.
        Unspecified = "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        /// It was read.
        Success = "URL_RETRIEVAL_STATUS_SUCCESS",
        /// It was not.
        Error = "URL_RETRIEVAL_STATUS_ERROR",
        /// It must be paid for.
        Paywall = "URL_RETRIEVAL_STATUS_PAYWALL",
        /// It is unsafe.
        Unsafe = "URL_RETRIEVAL_STATUS_UNSAFE",
    }
}
