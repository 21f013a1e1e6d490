//! A faithful simulator of Gemini Live.
