//! The whole program, in a process of its own.

use super::patiently;
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts it with `vivavoce serve` and whatever else `settle` says, and waits until it says where it listens; it ends with the story.
pub(crate) async fn serve(settle: impl FnOnce(&mut Command)) -> (Child, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vivavoce"));
    command.arg("serve").env_remove("GEMINI_API_KEY").env_remove("REDIS_URL");
    command.env_remove("TELEGRAM_BOT_TOKEN").env_remove("VIVAVOCE_SIGNING_KEY");
    settle(&mut command);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = patiently(async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says where it listens");
            if let Some(address) = line.strip_prefix("listening on http://") {
                return address.parse().unwrap();
            }
        }
    })
    .await;
    (child, address)
}
