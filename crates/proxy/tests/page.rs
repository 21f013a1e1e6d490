//! What a browser gets from the proxy besides calls.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use stage::{Folder, Proxy, get_with, nobody};
use std::path::PathBuf;

#[tokio::test]
async fn the_pages_files_come_as_what_they_are() {
    let folder = page("types");
    let proxy = serving(&folder.0).await;
    for (path, kind, cache) in [
        ("/", "text/html", "no-cache"),
        ("/index.html", "text/html", "no-cache"),
        ("/main.js", "text/javascript", "no-cache"),
        ("/main.0123456789abcdef0123.js", "text/javascript", "public, max-age=31536000, immutable"),
        ("/vivavoce.wasm", "application/wasm", "no-cache"),
        ("/page.css", "text/css", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
    ] {
        let answer = request(&proxy, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {kind}")), "{path}: {answer}");
        assert!(answer.contains(&format!("cache-control: {cache}\r\n")), "{path}: {answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_page_is_kept_from_the_code_and_the_frames_of_others() {
    let folder = page("guards");
    let proxy = serving(&folder.0).await;
    for path in ["/", "/main.js", "/missing"] {
        let answer = request(&proxy, path, "").await;
        let policy = answer.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'self' https://web.telegram.org"), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        assert!(answer.contains("referrer-policy: no-referrer\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn nothing_outside_the_pages_folder_is_served() {
    let folder = page("outside");
    folder.file("secret.txt", "secret");
    let proxy = serving(&folder.0.join("dist")).await;
    for path in
        ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//secret.txt", "/....//secret.txt"]
    {
        let answer = request(&proxy, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
        assert!(!answer.contains("secret\n"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn packed_files_are_served_packed() {
    let folder = page("packed");
    folder.file("main.js.br", "packed");
    let proxy = serving(&folder.0).await;
    let answer = request(&proxy, "/main.js", "Accept-Encoding: br\r\n").await;
    assert!(answer.contains("content-encoding: br") && answer.ends_with("packed"), "{answer}");
    assert!(answer.contains("content-type: text/javascript"), "{answer}");
}

#[tokio::test]
async fn the_page_learns_where_to_call_and_who_answers() {
    let proxy = Proxy::to(nobody().await).await;
    let answer = request(&proxy, "/config.json", "").await;
    let json = answer.split("\r\n\r\n").nth(1).unwrap();
    let config: serde_json::Value = serde_json::from_str(json).unwrap();
    let expected = serde_json::json!({"url": "/ws", "upstream": "simulator", "model": "gemini-3.8-live"});
    assert_eq!(config, expected);
    assert!(answer.contains("content-type: application/json"), "{answer}");
}

#[tokio::test]
async fn the_proxy_says_that_it_lives() {
    let proxy = Proxy::to(nobody().await).await;
    let answer = request(&proxy, "/healthz", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok\n"), "{answer}");
}

async fn serving(folder: &std::path::Path) -> Proxy {
    let folder = PathBuf::from(folder);
    Proxy::with(|config| config.page = Some(folder), None).await
}

fn page(name: &str) -> Folder {
    let folder = Folder::new(name);
    for file in [
        "index.html",
        "main.js",
        "main.0123456789abcdef0123.js",
        "vivavoce.wasm",
        "page.css",
        "manifest.webmanifest",
        "dist/index.html",
    ] {
        folder.file(file, file);
    }
    folder
}

async fn request(proxy: &Proxy, path: &str, headers: &str) -> String {
    get_with(proxy.address, path, headers).await
}
