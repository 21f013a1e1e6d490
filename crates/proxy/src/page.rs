//! The page, for people who call from this machine.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use std::path::Path;
use tower_http::services::ServeDir;

/// Serves the files of a folder; without one, a sentence that says how to get one.
pub(crate) fn router(folder: Option<&Path>) -> Router {
    let router = match folder {
        Some(folder) => {
            Router::new().fallback_service(ServeDir::new(folder).precompressed_br().precompressed_gzip())
        }
        None => Router::new().fallback(absent),
    };
    router.layer(middleware::from_fn(label))
}

async fn absent(request: Request) -> Response {
    if request.uri().path() != "/" {
        return StatusCode::NOT_FOUND.into_response();
    }
    Html(ABSENT).into_response()
}

/// Says how long a file keeps: names that hold a digest of the content never change, all others are asked for anew
/// (and answered by 304 where nothing changed).
async fn label(request: Request, next: Next) -> Response {
    let keeps = names_digest(request.uri().path());
    let mut response = next.run(request).await;
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let cache = if keeps && found { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a file's name holds a digest as our bundler writes it: `name.17794333.js`.
fn names_digest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut parts = name.rsplit('.').skip(1);
    let is_digest = |part: &str| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.next().is_some_and(is_digest) && parts.next().is_some()
}

/// What a browser is told to keep a page of ours from: code, styles and connections of others, and frames of others than
/// Telegram's own. Compiling WebAssembly is all that goes beyond the files of the page. The microphone is handed on where
/// the page itself is framed with it.
const GUARDS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; \
         font-src 'self'; manifest-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self' https://web.telegram.org",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const ABSENT: &str = "<!doctype html><meta charset=utf-8><title>Viva Voce</title><p>The proxy is up, but there is no page \
                      to show: build it with <code>npm run build</code>, or name its folder with <code>--page</code>.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_only_what_is_named_by_its_content() {
        for (path, keeps) in [
            ("/", false),
            ("/main.js", false),
            ("/main.17794333.js", true),
            ("/a/main_bg.0123456789abcdef0123.wasm", true),
            ("/deadbeef.js", false),
            ("/feed.js", false),
        ] {
            assert_eq!(names_digest(path), keeps, "{path}");
        }
    }
}
