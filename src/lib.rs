//! The browser's half of a spoken conversation.
