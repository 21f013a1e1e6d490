//! The simulator, built in for those without a key, and on a port of its own for tests.

use axum::http::Uri;
use core::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use vivavoce_sim::{Certificate, Options, Script};

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

/// What a simulator is to do. What a client must trust to speak TLS with it is written to the file `certificate`.
///
/// # Errors
/// What is wrong with the script, or with the file.
pub(crate) fn options(
    script: Option<&Path>,
    time_scale: f64,
    certificate: Option<&Path>,
) -> Result<Options, SimulatorError> {
    let time_is_sane = time_scale.is_finite() && time_scale > 0.0;
    if !time_is_sane {
        return Err(SimulatorError::TimeScale(time_scale));
    }
    let script = script.map(read).transpose()?.unwrap_or_default();
    let certificate = certificate.map(certify).transpose()?;
    Ok(Options { script, time_scale, certificate })
}

fn read(file: &Path) -> Result<Script, SimulatorError> {
    let problem = |error| SimulatorError::Script { file: file.to_owned(), error };
    let text = std::fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    Script::parse(&text).map_err(|error| problem(error.to_string()))
}

fn certify(file: &Path) -> Result<Certificate, SimulatorError> {
    let problem = |error| SimulatorError::Certificate { file: file.to_owned(), error };
    let certificate = Certificate::make().map_err(|error| problem(error.to_string()))?;
    std::fs::write(file, certificate.authority_pem()).map_err(|error| problem(error.to_string()))?;
    Ok(certificate)
}

/// Why a simulator does not do what it was told.
#[derive(Debug)]
pub(crate) enum SimulatorError {
    /// Time stands still.
    TimeScale(f64),
    /// The script is not there or none.
    Script {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// The certificate cannot be made or written.
    Certificate {
        /// Where to.
        file: PathBuf,
        /// Why not.
        error: String,
    },
}

impl fmt::Display for SimulatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeScale(found) => write!(f, "--time-scale is a number above 0; found {found}"),
            Self::Script { file, error } => write!(f, "the script \"{}\": {error}", file.display()),
            Self::Certificate { file, error } => write!(f, "the certificate \"{}\": {error}", file.display()),
        }
    }
}
