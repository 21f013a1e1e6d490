//! WebSocket frames on a plain socket, with nothing around them: a load that weighs little beside what it measures.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tungstenite::handshake::derive_accept_key;

/// The half that hears.
pub struct Ear {
    half: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were heard already.
    taken: usize,
}

/// The half that speaks; `masks` as clients do.
pub struct Mouth {
    half: OwnedWriteHalf,
    masks: bool,
    frame: Vec<u8>,
}

/// One whole frame.
pub struct Frame<'a> {
    pub opcode: u8,
    /// Only its first [`READABLE`] bytes are unmasked: nobody here reads more.
    pub payload: &'a [u8],
}

/// Opens a socket to a server on this machine.
pub async fn dial(port: u16, path: &str, protocol: Option<&str>) -> io::Result<(Ear, Mouth)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let (head, rest) = head(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 101") {
        return Err(io::Error::other(format!("the upgrade was answered by {:?}", head.lines().next())));
    }
    Ok(halves(stream, rest, true))
}

/// Answers a client that opens a socket.
pub async fn answer(mut stream: TcpStream) -> io::Result<(Ear, Mouth)> {
    stream.set_nodelay(true)?;
    let (head, rest) = head(&mut stream).await?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(response.as_bytes()).await?;
    Ok(halves(stream, rest, false))
}

/// An HTTP head, and what came behind it.
async fn head(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
    }
}

fn halves(stream: TcpStream, buffer: Vec<u8>, masks: bool) -> (Ear, Mouth) {
    let (ear, mouth) = stream.into_split();
    (Ear { half: ear, buffer, taken: 0 }, Mouth { half: mouth, masks, frame: Vec::new() })
}

/// The stream of both halves, without what was heard and not yet taken.
pub fn whole(ear: Ear, mouth: Mouth) -> io::Result<TcpStream> {
    ear.half.reunite(mouth.half).map_err(io::Error::other)
}

impl Ear {
    /// The next frame; none when the other side has gone.
    pub async fn next(&mut self) -> Option<Frame<'_>> {
        let (opcode, from, to) = loop {
            if let Some(found) = self.whole() {
                break found;
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if self.half.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        };
        self.taken = to;
        Some(Frame { opcode, payload: &self.buffer[from..to] })
    }

    /// The next frame if all of it is here: its opcode, and where its payload lies.
    fn whole(&mut self) -> Option<(u8, usize, usize)> {
        let bytes = &self.buffer[self.taken..];
        let (opcode, second) = (bytes.first()? & 0x0f, *bytes.get(1)?);
        let (length, mut header) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let mask: Option<[u8; 4]> = match second & 0x80 {
            0 => None,
            _ => Some(*bytes.get(header..)?.first_chunk()?),
        };
        header += if mask.is_some() { 4 } else { 0 };
        let (from, to) = (self.taken + header, self.taken + header + length);
        if self.buffer.len() < to {
            return None;
        }
        if let Some(mask) = mask.filter(|mask| *mask != [0; 4]) {
            let readable = &mut self.buffer[from..to.min(from + READABLE)];
            readable.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
        Some((opcode, from, to))
    }
}

impl Mouth {
    /// Sends a frame whose payload is the parts together. The mask is zero, which changes nothing for who unmasks.
    pub async fn say(&mut self, opcode: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mask = if self.masks { 0x80 } else { 0 };
        self.frame.clear();
        self.frame.push(0x80 | opcode);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ 0..126), _) => self.frame.push(mask | length),
            (_, Ok(length)) => {
                self.frame.push(mask | 126);
                self.frame.extend(length.to_be_bytes());
            }
            _ => {
                self.frame.push(mask | 127);
                self.frame.extend((length as u64).to_be_bytes());
            }
        }
        if self.masks {
            self.frame.extend([0; 4]);
        }
        parts.iter().for_each(|part| self.frame.extend_from_slice(part));
        self.half.write_all(&self.frame).await
    }

    /// Sends bytes as they are, whatever they mean.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.half.write_all(bytes).await
    }
}

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A mark stands within this.
const READABLE: usize = 160;
