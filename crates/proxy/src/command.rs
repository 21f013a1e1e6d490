//! The command line.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use vivavoce_wire::message::Mode;

/// A proxy for spoken calls with Gemini Live.
#[derive(Debug, Parser)]
#[command(name = "vivavoce", version, about, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the page and relay calls: to Gemini if GEMINI_API_KEY is set, else to the built-in simulator.
    Serve(Settings),
    /// Pretend to be Gemini Live, for tests and for people without a key.
    Sim {
        /// Where to listen on this machine; 0 takes any port that is free.
        #[arg(long)]
        port: u16,
        /// What to do, in TOML or JSON; without one, the parrot.
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
        /// How much faster than real time the model speaks and its clocks run.
        #[arg(long, value_name = "X", default_value_t = 1.0)]
        time_scale: f64,
        /// Also speak TLS, on the same port, and write here what a client must trust for it (PEM).
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Call a proxy from the terminal with WAV files for a voice.
    Talk {
        /// What to say, one turn a file.
        #[arg(required = true, value_name = "FILE.wav")]
        files: Vec<PathBuf>,
        /// The proxy's socket.
        #[arg(long, default_value = "ws://127.0.0.1:8003/ws")]
        url: String,
        /// What opens it, where it wants something.
        #[arg(long)]
        ticket: Option<String>,
        /// How the two sides share the line: open, push_to_talk (the button is down while a file is said) or
        /// half_duplex.
        #[arg(long, value_name = "MODE", default_value = "open", value_parser = mode)]
        mode: Mode,
        /// Where to write the answers, as a WAV of 24 kHz.
        #[arg(short, long, value_name = "REPLY.wav")]
        output: Option<PathBuf>,
        /// Print one JSON object; its figures are those of the first file's answer, and `turns` has all.
        #[arg(long)]
        json: bool,
    },
    /// Make a ticket for a call, with VIVAVOCE_SIGNING_KEY, and print it.
    Ticket {
        /// Who it is for, by any name of up to 255 bytes; the same name is the same person.
        #[arg(long, value_name = "NAME", default_value = "shell", value_parser = user)]
        user: String,
        /// Vouch for this user of Telegram (a number) as if the bot with this id had.
        #[arg(long, value_name = "ID")]
        bot: Option<u64>,
        /// Make it for a program, such as `talk`, which has no origin.
        #[arg(long)]
        native: bool,
        /// For how many seconds it opens its call, up to a day.
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        expires_in: u64,
    },
    /// Say everything that is wrong with the settings of a `serve` with these words, and start nothing.
    Check(Settings),
}

/// Where settings come from, beside the environment; the command line wins over the file.
#[derive(Debug, Args)]
pub struct Settings {
    /// The settings, in TOML; docs/CONFIG.md tells which there are.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen; port 0 takes any that is free [default: 127.0.0.1:8003].
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// The service's address, whole or its beginning, for instance a simulator's.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// The folder of the page [default: dist, if there is one].
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
    /// Let programs and pages of this machine call without a ticket, whatever the settings say.
    #[arg(long)]
    pub local: bool,
}

fn user(name: &str) -> Result<String, String> {
    let fits = !name.is_empty() && name.len() <= 255;
    fits.then(|| name.to_owned()).ok_or_else(|| "expected 1 to 255 bytes".to_owned())
}

fn mode(name: &str) -> Result<Mode, String> {
    Mode::named(name).ok_or_else(|| "expected open, push_to_talk or half_duplex".to_owned())
}
