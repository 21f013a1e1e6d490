//! Tools: their declarations, calls and answers.

use crate::content::{Blob, FileData};
use crate::grammar::{choice, word};
use serde_json::{Map, Value};

/// A JSON object whose keys are not ours.
pub type Object = Map<String, Value>;

word! {
    /// Tools of one kind.
    pub struct Tool {
        /// Functions that the client runs.
        function_declarations "functionDeclarations": Vec<FunctionDeclaration>,
        /// Google Search, which the service runs; `{}` switches it on.
        google_search "googleSearch": Option<Value>,
        /// The older form of Google Search.
        google_search_retrieval "googleSearchRetrieval": Option<Value>,
        /// Python, which the service runs.
        code_execution "codeExecution": Option<Value>,
        /// Pages that the service reads.
        url_context "urlContext": Option<Value>,
        /// Google Maps.
        google_maps "googleMaps": Option<Value>,
        /// Stored files.
        file_search "fileSearch": Option<Value>,
        /// A screen, a mouse and a keyboard.
        computer_use "computerUse": Option<Value>,
    }
}

word! {
    /// A function that the model may call.
    pub struct FunctionDeclaration {
        /// Its name: a letter or underscore, then letters, digits, `_`, `.`, `:` or `-`; at most 128.
        name: String,
        /// What it is good for.
        description: String,
        /// Whether the model waits for its answer.
        behavior: Option<Behavior>,
        /// Its arguments, as a schema in the manner of OpenAPI.
        parameters: Option<Value>,
        /// Its arguments, as a JSON Schema; either this or `parameters`.
        parameters_json_schema "parametersJsonSchema": Option<Value>,
        /// Its answer, as a schema in the manner of OpenAPI.
        response: Option<Value>,
        /// Its answer, as a JSON Schema.
        response_json_schema "responseJsonSchema": Option<Value>,
    }
}

word! {
    /// The model wants functions run, side by side.
    pub struct ToolCall {
        /// The calls.
        function_calls "functionCalls": Vec<FunctionCall>,
    }
}

word! {
    /// The service no longer wants answers to calls.
    pub struct ToolCallCancellation {
        /// The calls' ids.
        ids: Vec<String>,
    }
}

word! {
    /// One call of a function.
    pub struct FunctionCall {
        /// Names the call; Vertex may leave it out.
        id: Option<String>,
        /// The function.
        name: String,
        /// The arguments.
        args: Option<Object>,
        /// Pieces of arguments that come one by one; Vertex only.
        partial_args "partialArgs": Vec<Value>,
        /// Whether more pieces follow; Vertex only.
        will_continue "willContinue": Option<bool>,
    }
}

word! {
    /// Answers to calls.
    pub struct ToolResponse {
        /// The answers.
        function_responses "functionResponses": Vec<FunctionResponse>,
    }
}

word! {
    /// The answer to one call.
    pub struct FunctionResponse {
        /// The call's id.
        id: Option<String>,
        /// The function.
        name: String,
        /// What came of it, by custom as `output` or `error`. The service demands it.
        response: Option<Object>,
        /// When the model shall hear it; for non-blocking functions.
        scheduling: Option<Scheduling>,
        /// Whether more answers to this call follow; absent and `false` end it.
        will_continue "willContinue": Option<bool>,
        /// Media that belong to the answer.
        parts: Vec<FunctionResponsePart>,
    }
}

word! {
    /// A medium that belongs to an answer.
    pub struct FunctionResponsePart {
        /// Its bytes.
        inline_data "inlineData": Option<Blob>,
        /// Where it is stored; Vertex only.
        file_data "fileData": Option<FileData>,
    }
}

choice! {
    /// Whether the model waits for a function.
    pub enum Behavior {
        /// As the model does by itself.
        Unspecified = "UNSPECIFIED",
        /// It is silent until the answer comes.
        Blocking = "BLOCKING",
        /// It goes on talking.
        NonBlocking = "NON_BLOCKING",
    }
}

choice! {
    /// When the model hears an answer.
    pub enum Scheduling {
        /// As by default: when idle.
        Unspecified = "SCHEDULING_UNSPECIFIED",
        /// It takes note and says nothing.
        Silent = "SILENT",
        /// After what it is saying.
        WhenIdle = "WHEN_IDLE",
        /// At once.
        Interrupt = "INTERRUPT",
    }
}

impl FunctionResponse {
    /// An answer to `call`.
    pub fn to(call: &FunctionCall, response: Object) -> Self {
        Self { id: call.id.clone(), name: call.name.clone(), response: Some(response), ..Self::default() }
    }

    /// Whether the call is answered for good.
    pub fn is_last(&self) -> bool {
        self.will_continue != Some(true)
    }
}
