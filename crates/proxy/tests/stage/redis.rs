//! A Redis of a story's own, which ends with it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A Redis that keeps nothing on disk.
pub(crate) struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(port).await
    }

    async fn start_at(port: u16) -> Self {
        let name = port.to_string();
        let process = Command::new("redis-server")
            .args(["--port", &name, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { process, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Whether a note of something begun for a call holds this text.
    pub(crate) async fn has_noted(&self, text: &str) -> bool {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*:notes").query_async(&mut connection).await.unwrap();
        for key in keys {
            let notes: Vec<String> = redis::cmd("HVALS").arg(key).query_async(&mut connection).await.unwrap();
            if notes.iter().any(|note| note.contains(text)) {
                return true;
            }
        }
        false
    }

    /// Answers nobody for so long.
    pub(crate) async fn pauses(&self, time: Duration) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut pause = redis::cmd("CLIENT");
        pause.arg("PAUSE").arg(time.as_millis() as u64).arg("ALL");
        pause.query_async::<()>(&mut connection).await.unwrap();
        while redis::cmd("PING").query_async::<()>(&mut connection).await.is_err() {}
    }

    /// Kills it, with all that it held.
    pub(crate) fn dies(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// An empty one takes its place.
    pub(crate) async fn is_back(&mut self) {
        *self = Self::start_at(self.port).await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.dies();
    }
}
