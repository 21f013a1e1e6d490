//! One request over a connection of its own, which ends with the answer.

use crate::stream::Stream;
use axum::http::{HeaderValue, Request, Response, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The request can't be sent as it is.
    Malformed,
    /// The other side broke off, or speaks no HTTP.
    Broken,
    /// It says more than [`MOST_ANSWER_BYTES`].
    TooLong,
}

/// Sends a request, whose address is whole, and waits for what it is answered; the body is read where all went well. Nothing of it
/// goes on when this is dropped.
///
/// # Errors
/// There is no answer, or none that anybody wants to read.
pub(crate) async fn post(stream: Stream, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
    let request = addressed(request).ok_or(NoAnswer::Malformed)?;
    let handshake = http1::Builder::new().max_buf_size(MOST_HEAD_BYTES).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| NoAnswer::Broken)?;
    let _connection = Connection(tokio::spawn(async move {
        // What became of it is told to whoever waits for the answer.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await.map_err(|_| NoAnswer::Broken)?;
    let (head, body) = answer.into_parts();
    if !head.status.is_success() {
        return Ok(Response::from_parts(head, Bytes::new()));
    }
    match Limited::new(body, MOST_ANSWER_BYTES).collect().await {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(NoAnswer::TooLong),
        Err(_) => Err(NoAnswer::Broken),
    }
}

/// The same request as it is written to whom it is addressed to.
fn addressed(request: Request<Bytes>) -> Option<Request<Full<Bytes>>> {
    let (mut head, body) = request.into_parts();
    let host = HeaderValue::from_str(head.uri.authority()?.as_str()).ok()?;
    head.headers.insert(header::HOST, host);
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    head.uri = Uri::try_from(head.uri.path_and_query().map_or("/", |path| path.as_str())).ok()?;
    Some(Request::from_parts(head, Full::new(body)))
}

/// A connection's task; it ends with the wish for what comes over it.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Of an answer's body: a model has to read it aloud, and a collector has nothing to say.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// Of an answer's head.
const MOST_HEAD_BYTES: usize = 64 * 1024;
