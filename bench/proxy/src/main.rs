//! Calls by the hundred, and the service at their other end. `scripts/bench-proxy.mjs` runs it.
//!
//! - `service PORT HANDLE_MS`: a service that answers every second frame at once with 40 ms of sound and the frame's
//!   mark, and gives a handle every `HANDLE_MS` (0: at the setup only);
//! - `talk DIALECT PORT CALLS SECONDS PID…`: so many calls that speak, and what they cost the processes named;
//! - `idle DIALECT PORT CALLS SECONDS PID…`: so many calls that are muted;
//! - `pipe UPSTREAM_PORT`: a proxy that passes bytes on and does nothing else;
//! - `hostile PORT SOCKETS SECONDS [MISDEED]`: so many sockets that mean harm.
//!
//! The modules: `socket` (WebSocket frames on a plain socket, with nothing around them), `dialect` (what is said in
//! them), `mark` (how an answer is told from all others), `service`, `pipe`, `caller`, `hostile`, `watch` (what processes use).

#![forbid(unsafe_code)]

mod caller;
mod dialect;
mod hostile;
mod mark;
mod pipe;
mod service;
mod socket;
mod watch;

use caller::Plan;
use dialect::Dialect;
use std::io;
use std::time::Duration;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome =
        runtime.and_then(|runtime| runtime.block_on(tokio::task::LocalSet::new().run_until(act(&words))));
    if let Err(error) = outcome {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn act(words: &[String]) -> io::Result<()> {
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).ok_or_else(misread);
    match words.first().map(String::as_str) {
        Some("service") => {
            let handle_every = Duration::from_millis(number(2)?);
            service::serve(u16::try_from(number(1)?).map_err(|_| misread())?, handle_every).await
        }
        Some("pipe") => pipe::serve(u16::try_from(number(1)?).map_err(|_| misread())?),
        Some("hostile") => {
            let port = u16::try_from(number(1)?).map_err(|_| misread())?;
            let sockets = usize::try_from(number(2)?).map_err(|_| misread())?;
            println!(
                "{}",
                hostile::run(
                    port,
                    sockets,
                    Duration::from_secs(number(3)?),
                    words.get(4).map(String::as_str)
                )
                .await?
            );
            Ok(())
        }
        Some(kind @ ("talk" | "idle")) => {
            let plan = Plan {
                dialect: words.get(1).and_then(|word| Dialect::named(word)).ok_or_else(misread)?,
                port: u16::try_from(number(2)?).map_err(|_| misread())?,
                calls: usize::try_from(number(3)?).map_err(|_| misread())?,
                seconds: number(4)?,
                speaks: kind == "talk",
                watched: words[5..].iter().filter_map(|word| word.parse().ok()).collect(),
            };
            println!("{}", caller::run(plan).await?);
            Ok(())
        }
        _ => Err(misread()),
    }
}

fn misread() -> io::Error {
    io::Error::other(
        "expected service PORT HANDLE_MS, pipe UPSTREAM_PORT, talk|idle vivavoce|gemini|handbook PORT CALLS SECONDS PID…, or hostile PORT SOCKETS SECONDS [MISDEED]",
    )
}
