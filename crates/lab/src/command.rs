//! What the examples have in common: one line out, or one sentence about what is wrong.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

/// Prints what was found, or what went wrong and, if that says nothing, how to call the example.
pub fn exit(found: Result<String, String>, usage: &str) -> ExitCode {
    match found {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(sentence) if sentence.is_empty() => {
            eprintln!("{usage}");
            ExitCode::from(2)
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
