//! Those who mean no call: each commits one misdeed after the other, at most one a second, for as long as it is let.

use crate::dialect::Dialect;
use crate::socket::{self, BINARY, Ear, Mouth, PING, TEXT};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// What a socket may do to a server.
#[derive(Clone, Copy, Debug)]
enum Misdeed {
    /// Says nothing at all.
    Silence,
    /// Sends a request's head a byte a second.
    SlowHead,
    /// Announces a body and sends a byte a second of it.
    SlowBody,
    /// Becomes a WebSocket and never says hello.
    NoHello,
    /// Calls, and sends sound as fast as it goes.
    Flood,
    /// Calls, asks all the time and reads nothing.
    Deaf,
    /// Sends frames that are none.
    Junk,
    /// Says hello ten thousand brackets deep.
    Bomb,
    /// Announces a frame of a terabyte.
    Giant,
    /// Sends a frame that claims to be compressed.
    Compressed,
    /// Sends a message in pieces that never end.
    Pieces,
}

const ALL: [Misdeed; 11] = [
    Misdeed::Silence,
    Misdeed::SlowHead,
    Misdeed::SlowBody,
    Misdeed::NoHello,
    Misdeed::Flood,
    Misdeed::Deaf,
    Misdeed::Junk,
    Misdeed::Bomb,
    Misdeed::Giant,
    Misdeed::Compressed,
    Misdeed::Pieces,
];

/// Keeps so many hostile sockets at a server for so long, of one kind or of all; says in JSON how many misdeeds that were.
pub async fn run(port: u16, count: usize, lasts: Duration, kind: Option<&str>) -> io::Result<String> {
    let named = |misdeed: &Misdeed| kind.is_none_or(|kind| format!("{misdeed:?}").eq_ignore_ascii_case(kind));
    let kinds: Vec<_> = ALL.into_iter().filter(named).collect();
    if kinds.is_empty() {
        return Err(io::Error::other(format!("misdeeds are {ALL:?}")));
    }
    let until = Instant::now() + lasts;
    let done = Rc::new(Cell::new(0_u64));
    let villains = (0..count).map(|index| {
        let (misdeed, done) = (kinds[index % kinds.len()], Rc::clone(&done));
        // They come one after the other, within a second.
        let begin = Instant::now() + PACE.mul_f64(index as f64 / count as f64);
        tokio::task::spawn_local(async move {
            let mut next = begin;
            while next < until {
                sleep_until(next).await;
                done.set(done.get() + 1);
                // How it ends is the server's affair.
                let _ = timeout_at(until, commit(misdeed, port)).await;
                next = Instant::now().max(next + PACE);
            }
        })
    });
    for villain in villains.collect::<Vec<_>>() {
        villain.await.map_err(io::Error::other)?;
    }
    Ok(format!(r#"{{"sockets":{count},"misdeeds":{}}}"#, done.get()))
}

async fn commit(misdeed: Misdeed, port: u16) -> io::Result<()> {
    match misdeed {
        Misdeed::Silence => hear_out(connect(port).await?).await,
        Misdeed::SlowHead => drip(port, "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ").await,
        Misdeed::SlowBody => {
            let head = "POST /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
                        Content-Length: 4000\r\n\r\n{";
            drip(port, head).await
        }
        Misdeed::NoHello => {
            let (mut ear, _mouth) = dial(port).await?;
            while ear.next().await.is_some() {}
            Ok(())
        }
        Misdeed::Flood => {
            let (mut ear, mut mouth) = call(port).await?;
            let heard = async { while ear.next().await.is_some() {} };
            let said = async { while mouth.say(BINARY, &[&SOUND]).await.is_ok() {} };
            tokio::select! { () = heard => {}, () = said => {} }
            Ok(())
        }
        Misdeed::Deaf => {
            let (_ear, mut mouth) = call(port).await?;
            loop {
                mouth.say(PING, &[&SOUND[..125]]).await?;
                mouth.say(TEXT, &[br#"{"type":"ping","id":1}"#]).await?;
                sleep(Duration::from_millis(20)).await;
            }
        }
        Misdeed::Junk => {
            let (ear, mut mouth) = dial(port).await?;
            mouth.raw(&[0xff; 300]).await?;
            end(ear).await
        }
        Misdeed::Bomb => {
            let (ear, mut mouth) = dial(port).await?;
            let deep = r#"{"type":"hello","a":"#.to_owned() + &"[".repeat(10_000);
            mouth.say(TEXT, &[deep.as_bytes()]).await?;
            end(ear).await
        }
        Misdeed::Giant => {
            let (ear, mut mouth) = dial(port).await?;
            mouth.raw(&[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await?;
            end(ear).await
        }
        Misdeed::Compressed => {
            let (ear, mut mouth) = dial(port).await?;
            mouth.raw(&[0xc1, 0x80, 0, 0, 0, 0]).await?;
            end(ear).await
        }
        Misdeed::Pieces => {
            let (mut ear, mut mouth) = dial(port).await?;
            mouth.raw(&[0x01, 0x80, 0, 0, 0, 0]).await?;
            let piece = [&[0x00, 0xfe, 0x10, 0, 0, 0, 0, 0][..], &[b'a'; 4096]].concat();
            let heard = async { while ear.next().await.is_some() {} };
            let said = async { while mouth.raw(&piece).await.is_ok() {} };
            tokio::select! { () = heard => {}, () = said => {} }
            Ok(())
        }
    }
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", port)).await
}

async fn dial(port: u16) -> io::Result<(Ear, Mouth)> {
    socket::dial(port, Dialect::Vivavoce.path(), Dialect::Vivavoce.protocol()).await
}

/// Calls as anybody does.
async fn call(port: u16) -> io::Result<(Ear, Mouth)> {
    let (ear, mut mouth) = dial(port).await?;
    mouth.say(TEXT, &[Dialect::Vivavoce.hello().unwrap_or_default().as_bytes()]).await?;
    Ok((ear, mouth))
}

/// Sends a beginning, and then a byte a second.
async fn drip(port: u16, beginning: &str) -> io::Result<()> {
    let mut stream = connect(port).await?;
    stream.write_all(beginning.as_bytes()).await?;
    loop {
        sleep(PACE).await;
        stream.write_all(b"a").await?;
    }
}

async fn hear_out(mut stream: TcpStream) -> io::Result<()> {
    let mut said = [0; 1024];
    while stream.read(&mut said).await? > 0 {}
    Ok(())
}

/// Waits until the other side has had enough.
async fn end(mut ear: Ear) -> io::Result<()> {
    while ear.next().await.is_some() {}
    Ok(())
}

const PACE: Duration = Duration::from_secs(1);

/// 20 ms of sound at 16 kHz behind a header of the microphone's.
const SOUND: [u8; 660] = {
    let mut frame = [0; 660];
    frame[0] = 1;
    frame
};
