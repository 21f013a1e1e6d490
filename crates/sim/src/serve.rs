//! The door: HTTP, upgrades to WebSockets, and the minting of tokens.

use crate::caller::{self, Caller};
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::house::House;
use crate::mint;
use crate::model::Version;
use crate::recorder::Recorder;
use crate::script::Script;
use crate::session::Session;
use crate::socket::Socket;
use bytes::Bytes;
use core::convert::Infallible;
use core::time::Duration;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub script: Script,
    /// Seconds of the simulator in one second of the wall: 1 is faithful, 60 ends a connection after ten
    /// seconds. Samples are not touched: who wants a call to go faster must also speak faster.
    pub time_scale: f64,
    /// For those who speak TLS, on the same port as those who do not; without one they are not understood.
    pub certificate: Option<Certificate>,
}

/// Serves until the listener fails or the future is dropped; then all its connections are cut.
///
/// # Errors
/// The listener's, or the script's directory for recordings cannot be made.
pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
    if let Some(directory) = &options.script.record {
        std::fs::create_dir_all(directory)?;
    }
    let desk = Arc::new(Desk {
        clock: Clock::start(options.time_scale),
        house: Arc::new(House::new(options.script)),
        certificate: options.certificate,
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(welcome(stream, Arc::clone(&desk)));
                }
                // A client that went away while it was waiting, or no file handles for the moment.
                Err(error) if is_passing(&error) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => return Err(error),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Desk {
    house: Arc<House>,
    clock: Clock,
    certificate: Option<Certificate>,
}

impl Desk {
    fn serves(&self, version: Version) -> bool {
        version != Version::V1 || !self.house.script().strict.v1_fails
    }
}

/// Speaks as the client does: TLS if it begins like that.
async fn welcome(stream: TcpStream, desk: Arc<Desk>) {
    // Frames are small and want to leave at once; a socket that cannot do so still works.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    match &desk.certificate {
        Some(certificate) if stream.peek(&mut first).await.is_ok() && first == [TLS_HANDSHAKE] => {
            if let Ok(stream) = certificate.acceptor().accept(stream).await {
                attend(stream, desk).await;
            }
        }
        _ => attend(stream, desk).await,
    }
}

async fn attend(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, desk: Arc<Desk>) {
    let (sender, mut upgraded) = tokio::sync::mpsc::channel(1);
    let service = service_fn(|request| answer(request, Arc::clone(&desk), sender.clone()));
    let http = hyper::server::conn::http1::Builder::new();
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    // What goes wrong below HTTP concerns the client alone.
    let _ = connection.await;
    if let Ok(call) = upgraded.try_recv() {
        call.await;
    }
}

type Call = core::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
type Body = Full<Bytes>;

async fn answer(
    mut request: Request<Incoming>,
    desk: Arc<Desk>,
    calls: tokio::sync::mpsc::Sender<Call>,
) -> Result<Response<Body>, Infallible> {
    if !fastwebsockets::upgrade::is_upgrade_request(&request) {
        return Ok(serve_http(request, &desk).await);
    }
    let Some(caller) = caller(&request, &desk) else { return Ok(not_found()) };
    let Ok((response, upgrade)) = fastwebsockets::upgrade::upgrade(&mut request) else {
        return Ok(trouble(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "Not a WebSocket handshake."));
    };
    let call = async move {
        let Ok(socket) = upgrade.await else { return };
        let script = desk.house.script();
        let pong_delay = Duration::from_millis(u64::from(script.connection.pong_ms));
        let mut socket = Socket::new(socket, script.frames.clone(), pong_delay);
        let session = Session::new(Arc::clone(&desk.house), caller, desk.clock.now());
        if let Some(directory) = &script.record
            && let Ok(recorder) = Recorder::create(directory, session.connection())
        {
            socket.record(recorder);
        }
        socket.run(session, desk.clock).await;
    };
    // The channel holds the one call that a connection can become.
    let _ = calls.try_send(Box::pin(call));
    Ok(response.map(|_| Body::default()))
}

fn caller(request: &Request<Incoming>, desk: &Desk) -> Option<Caller> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let caller = Caller::read(request.uri().path(), request.uri().query().unwrap_or_default(), header)?;
    desk.serves(caller.version).then_some(caller)
}

async fn serve_http(request: Request<Incoming>, desk: &Desk) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    match (request.method(), path.as_str()) {
        (&Method::POST, "v1alpha/auth_tokens" | "v1beta/auth_tokens") => mint(request, desk).await,
        (&Method::POST, "v1/auth_tokens") if desk.serves(Version::V1) => mint(request, desk).await,
        (_, _) if caller(&request, desk).is_some() => {
            trouble(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "This method is served over WebSockets.")
        }
        (_, _) => not_found(),
    }
}

async fn mint(request: Request<Incoming>, desk: &Desk) -> Response<Body> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let query = request.uri().query().unwrap_or_default();
    if let Err(close) = caller::may_mint(query, header, desk.house.script()) {
        return trouble(StatusCode::FORBIDDEN, "PERMISSION_DENIED", &close.reason);
    }
    let body = match Limited::new(request.into_body(), MOST_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return trouble(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "The body is too large."),
    };
    let now = desk.clock.now();
    let token = mint::Request::read(&body).and_then(|wish| wish.token(jiff::Timestamp::now(), now));
    match token {
        Ok(token) => json_response(StatusCode::OK, &json!({"name": desk.house.mint(token, now)})),
        Err(problem) => trouble(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", &problem),
    }
}

fn not_found() -> Response<Body> {
    trouble(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested URL was not found on this server.")
}

fn trouble(status: StatusCode, name: &str, message: &str) -> Response<Body> {
    json_response(status, &json!({"error": {"code": status.as_u16(), "message": message, "status": name}}))
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}

fn is_passing(error: &io::Error) -> bool {
    let kinds = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
        io::ErrorKind::WouldBlock,
    ];
    // 23 and 24: no file handles left, in the system or in the process.
    kinds.contains(&error.kind()) || matches!(error.raw_os_error(), Some(23 | 24))
}

impl Default for Options {
    fn default() -> Self {
        Self { script: Script::default(), time_scale: 1.0, certificate: None }
    }
}

const MOST_BODY_BYTES: usize = 1 << 20;
/// The kind of record that begins every TLS connection; no method of HTTP does.
const TLS_HANDSHAKE: u8 = 22;
