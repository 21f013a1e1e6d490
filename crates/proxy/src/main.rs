//! The program `vivavoce`: reads the command line and the environment, and leaves the rest to the library.

use clap::Parser;
use std::process::ExitCode;
use vivavoce_proxy::command::Arguments;
use vivavoce_proxy::program;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    program::run(arguments.command, &|name| std::env::var(name).ok())
}
