//! A service whose model calls what it is told to call.

use super::{patiently, service};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// The model, over one connection at a time.
pub(crate) struct Model {
    pub(crate) address: SocketAddr,
    words: mpsc::Sender<String>,
    heard: mpsc::Receiver<Value>,
    calls: usize,
    /// How many it was given.
    pub(crate) answers: usize,
}

impl Model {
    pub(crate) async fn open() -> Self {
        let (to_say, words) = mpsc::channel::<String>(16);
        let (tell, heard) = mpsc::channel(16);
        let words = Arc::new(tokio::sync::Mutex::new(words));
        let address = service(move |mut socket| {
            let (words, tell) = (Arc::clone(&words), tell.clone());
            async move {
                let mut words = words.lock().await;
                loop {
                    tokio::select! {
                        Some(word) = words.recv() => socket.send(Message::text(word)).await.unwrap(),
                        message = socket.next() => {
                            let Some(Ok(message)) = message else { return };
                            let Ok(message) = serde_json::from_slice::<Value>(&message.into_data()) else { continue };
                            if message.get("setup").is_some() {
                                socket.send(Message::text(r#"{"setupComplete":{}}"#)).await.unwrap();
                            }
                            if message.get("setup").is_some() || message.get("toolResponse").is_some() {
                                tell.send(message).await.unwrap();
                            }
                        }
                    }
                }
            }
        })
        .await;
        Self { address, words: to_say, heard, calls: 0, answers: 0 }
    }

    /// The setup of the next connection.
    pub(crate) async fn setup(&mut self) -> Value {
        patiently(self.heard.recv()).await.unwrap()["setup"].take()
    }

    pub(crate) async fn says(&self, message: &Value) {
        self.words.send(message.to_string()).await.unwrap();
    }

    pub(crate) async fn calls(&mut self, name: &str, arguments: &Value) {
        self.calls += 1;
        let call = json!({"id": format!("call_{}", self.calls), "name": name, "args": arguments});
        self.says(&json!({"toolCall": {"functionCalls": [call]}})).await;
    }

    /// The next answer that the service is given.
    pub(crate) async fn answer(&mut self) -> Value {
        let message = patiently(self.heard.recv()).await.unwrap();
        let answers = message["toolResponse"]["functionResponses"].as_array().unwrap().clone();
        assert_eq!(answers.len(), 1);
        self.answers += 1;
        answers[0].clone()
    }

    pub(crate) async fn asks(&mut self, name: &str, arguments: &Value) -> Value {
        self.calls(name, arguments).await;
        self.answer().await
    }
}
