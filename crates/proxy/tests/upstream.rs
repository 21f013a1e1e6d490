//! The way to the service.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use futures_util::{SinkExt, StreamExt};
use stage::{Folder, Phone, Proxy, frame, patiently};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use vivavoce_gemini::ClientMessage;
use vivavoce_proxy::environment::Environment;
use vivavoce_sim::{Certificate, Options};
use vivavoce_wire::Code;

#[tokio::test]
async fn tls_is_spoken_with_those_who_are_trusted_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("https://{}", listener.local_addr().unwrap());
    let (certificate, folder) = (Certificate::make().unwrap(), Folder::new("tls"));
    let file = folder.file("ca.pem", certificate.authority_pem()).display().to_string();
    tokio::spawn(vivavoce_sim::serve(
        listener,
        Options { certificate: Some(certificate), ..Options::default() },
    ));
    let trusting = Environment::read(&|name| (name == "SSL_CERT_FILE").then(|| file.clone())).unwrap();

    let proxy = Proxy::within(|config| config.upstream_url = Some(upstream.clone()), trusting).await;
    Phone::introduced(&proxy).await.wait_ready().await;

    let proxy = Proxy::with(|config| config.upstream_url = Some(upstream), None).await;
    let (trouble, _) = Phone::introduced(&proxy).await.wait_end().await;
    assert_eq!(trouble.code, Code::ServiceUnreachable, "{}", trouble.message);
}

#[test]
fn a_file_without_certificates_is_named() {
    let error =
        Environment::read(&|name| (name == "SSL_CERT_FILE").then(|| "/nowhere.pem".to_owned())).unwrap_err();
    assert!(error.to_string().contains("/nowhere.pem"), "{error}");
}

#[tokio::test]
async fn the_key_goes_into_a_header_and_sound_arrives_as_it_was_sent() {
    let (heard, mut hears) = mpsc::unbounded_channel();
    let upstream = listening(heard).await;
    let key = "not-a-key";
    let proxy = Proxy::with(|config| config.upstream_url = Some(upstream), Some(key)).await;
    let mut phone = Phone::introduced(&proxy).await;
    let sound: Vec<u8> = (0..640).map(|index| index as u8).collect();
    phone.send(frame(sound.clone())).await;

    let Some(Heard::Request { path, key: found }) = patiently(hears.recv()).await else {
        panic!("no request")
    };
    let expected = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    assert_eq!((path.as_str(), found.as_deref()), (expected, Some(key)));
    let Some(Heard::Message(ClientMessage::Setup(setup))) = patiently(hears.recv()).await else {
        panic!("no setup")
    };
    assert_eq!(setup.model, "models/gemini-3.8-live");
    let Some(Heard::Message(ClientMessage::RealtimeInput(input))) = patiently(hears.recv()).await else {
        panic!("no sound")
    };
    let audio = input.audio.unwrap();
    assert_eq!((audio.rate_hz(), &audio.data[..]), (Some(16_000), &sound[..]));
}

enum Heard {
    Request { path: String, key: Option<String> },
    Message(ClientMessage),
}

/// A service that accepts every setup and tells what it hears.
async fn listening(heard: mpsc::UnboundedSender<Heard>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let request = heard.clone();
        #[expect(clippy::result_large_err, reason = "as the library has it")]
        let look = move |asked: &Request, answer: Response| {
            let key = asked.headers().get("x-goog-api-key").map(|key| key.to_str().unwrap().to_owned());
            let _ = request.send(Heard::Request { path: asked.uri().to_string(), key });
            Ok(answer)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            let message = ClientMessage::decode(text.as_str().as_bytes()).unwrap();
            if matches!(message, ClientMessage::Setup(_)) {
                socket.send(Message::text(r#"{"setupComplete":{}}"#)).await.unwrap();
            }
            let _ = heard.send(Heard::Message(message));
        }
    });
    format!("ws://{address}")
}
