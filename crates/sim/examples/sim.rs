//! Serves a simulator on a port: `cargo run -p vivavoce-sim --example sim -- PORT [SCRIPT]`.

use vivavoce_sim::{Options, Script, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(8011), |port| port.parse())?;
    let script = match arguments.next() {
        Some(path) => Script::parse(&std::fs::read_to_string(path)?)?,
        None => Script::default(),
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    serve(listener, Options { script, ..Options::default() }).await?;
    Ok(())
}
