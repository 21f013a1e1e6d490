//! The simulator, built in for those without a key, and on a port of its own for tests.

use axum::http::Uri;
use core::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use vivavoce_sim::{Options, Script};

/// Starts a simulator that only this machine reaches, on any port; says where it is.
///
/// # Errors
/// As the system has them.
pub(crate) async fn start() -> io::Result<Uri> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address: SocketAddr = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(error) = vivavoce_sim::serve(listener, Options::default()).await {
            tracing::error!(%error, "the built-in simulator ended");
        }
    });
    crate::upstream::socket_address(&format!("ws://{address}")).map_err(io::Error::other)
}

/// What a simulator is to do.
///
/// # Errors
/// What is wrong with the script.
pub(crate) fn options(script: Option<&Path>, time_scale: f64) -> Result<Options, ScriptError> {
    let time_is_sane = time_scale.is_finite() && time_scale > 0.0;
    if !time_is_sane {
        return Err(ScriptError::TimeScale(time_scale));
    }
    let Some(file) = script else { return Ok(Options { time_scale, ..Options::default() }) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| ScriptError::File { file: file.to_owned(), error: error.to_string() })?;
    let script = Script::parse(&text)
        .map_err(|error| ScriptError::File { file: file.to_owned(), error: error.to_string() })?;
    Ok(Options { script, time_scale })
}

/// Why a simulator does not do what it was told.
#[derive(Debug)]
pub(crate) enum ScriptError {
    /// Time stands still.
    TimeScale(f64),
    /// The script is not there or none.
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        error: String,
    },
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeScale(found) => write!(f, "--time-scale is a number above 0; found {found}"),
            Self::File { file, error } => write!(f, "the script \"{}\": {error}", file.display()),
        }
    }
}
