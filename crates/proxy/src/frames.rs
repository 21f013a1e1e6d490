//! WebSocket frames (RFC 6455 §5) as they lie in memory: read out of whatever pieces a socket gives, written one after the other.
//!
//! Only what the relay path needs, for there is one frame for every 20 ms of everybody who talks: a message that came whole is
//! read where it lies, a connection that is silent keeps no buffer, and nothing is filled with zeros first. No extensions.

use bytes::Bytes;
use core::fmt;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one side says to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Binary(Bytes),
    /// With what is to come back.
    Ping(Bytes),
    /// With what came.
    Pong(Bytes),
    /// The last one, with a code and a reason if it says any.
    Close(Option<(u16, String)>),
    /// Sound that an [`Ear`] found in a text or in bytes; only ever read.
    Voice(Bytes),
}

/// What a message holds, which is written where it goes out from.
pub(crate) trait Content {
    fn kind(&self) -> Kind;
    /// Bytes of its content.
    fn bytes(&self) -> usize;
    /// Appends its content.
    fn write(&self, out: &mut Vec<u8>);
}

/// What a frame is, as RFC 6455 §11.8 numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Text = TEXT,
    Binary = BINARY,
    Close = CLOSE,
    Ping = PING,
    Pong = PONG,
}

impl Content for Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) | Self::Voice(_) => Kind::Binary,
            Self::Ping(_) => Kind::Ping,
            Self::Pong(_) => Kind::Pong,
            Self::Close(_) => Kind::Close,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) | Self::Voice(bytes) => bytes.len(),
            Self::Close(None) => 0,
            Self::Close(Some((_, reason))) => reason.len() + CODE_BYTES,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) | Self::Voice(bytes) => {
                out.extend_from_slice(bytes);
            }
            Self::Close(None) => {}
            Self::Close(Some((code, reason))) => {
                out.extend_from_slice(&code.to_be_bytes());
                out.extend_from_slice(reason.as_bytes());
            }
        }
    }
}

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Reads what is masked and masks nothing.
    Server,
    /// The other way round.
    Client,
}

/// Finds sound in a message that holds nothing else, where it lies: it is not copied to be found.
pub(crate) type Ear = fn(&[u8]) -> Option<Bytes>;

/// How somebody broke the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A message is larger than may be.
    TooLarge {
        /// Bytes of it that are known of.
        found: usize,
        /// Bytes that there may be.
        most: usize,
    },
    /// A text is no UTF-8.
    NotText,
    /// Anything else, in words.
    Rule(&'static str),
}

/// Reads messages, whatever pieces they come in.
#[derive(Debug)]
pub(crate) struct Reader {
    end: End,
    most_bytes: usize,
    /// What came and was not taken yet begins at `taken`.
    rest: Vec<u8>,
    taken: usize,
    /// A message of which more frames follow: whether it is text, and its content so far.
    begun: Option<(bool, Vec<u8>)>,
    /// Frames of it that came, for empty ones fill nothing.
    pieces: u32,
    ear: Option<Ear>,
    /// Bytes of messages that came.
    read: u64,
}

/// The head of a frame.
struct Head {
    is_final: bool,
    kind: u8,
    mask: Option<[u8; 4]>,
    bytes: usize,
    content_bytes: usize,
}

impl Reader {
    /// Reads at this end messages of up to `most_bytes`.
    pub(crate) const fn new(end: End, most_bytes: usize) -> Self {
        Self { end, most_bytes, rest: Vec::new(), taken: 0, begun: None, pieces: 0, ear: None, read: 0 }
    }

    /// Looks for a voice by this.
    pub(crate) const fn listen(&mut self, ear: Ear) {
        self.ear = Some(ear);
    }

    /// Bytes of messages that came since this was asked last.
    pub(crate) const fn take_read(&mut self) -> u64 {
        core::mem::replace(&mut self.read, 0)
    }

    /// Whether more came than was read, if not a whole message.
    pub(crate) const fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Keeps what came before anybody reads.
    pub(crate) fn keep(&mut self, came: &[u8]) {
        self.rest.extend_from_slice(came);
    }

    /// Takes what came and gives the first whole message; more may have come: ask [`Self::next`].
    ///
    /// # Errors
    /// The other side broke the rules; nothing that follows means anything.
    pub(crate) fn read(&mut self, came: &mut [u8]) -> Result<Option<Message>, Broken> {
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(came);
            return self.next();
        }
        let (message, taken) = self.scan(came)?;
        self.rest.extend_from_slice(&came[taken..]);
        Ok(message)
    }

    /// The next whole message of what came.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub(crate) fn next(&mut self) -> Result<Option<Message>, Broken> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut rest = core::mem::take(&mut self.rest);
        let (message, taken) = self.scan(&mut rest[self.taken..])?;
        self.taken += taken;
        if self.taken < rest.len() {
            // What was taken gives way once it is the larger part, so that no byte moves often.
            if self.taken > rest.len() / 2 {
                rest.drain(..core::mem::take(&mut self.taken));
            }
            self.rest = rest;
        } else {
            self.taken = 0;
        }
        Ok(message)
    }

    /// Reads frames until a message is whole, and says how many bytes those took.
    fn scan(&mut self, bytes: &mut [u8]) -> Result<(Option<Message>, usize), Broken> {
        let mut taken = 0;
        while let Some(head) = self.head(&bytes[taken..])? {
            let begins = taken + head.bytes;
            let Some(content) = bytes.get_mut(begins..begins + head.content_bytes) else { break };
            taken = begins + head.content_bytes;
            if let Some(mask) = head.mask {
                apply(mask, content);
            }
            if let Some(message) = self.frame(&head, content)? {
                return Ok((Some(message), taken));
            }
        }
        Ok((None, taken))
    }

    /// Reads a head; none if more of it must come.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Broken> {
        let Some(&[first, second]) = bytes.first_chunk() else { return Ok(None) };
        let (is_final, kind) = (first & FINAL != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(Broken::Rule("a reserved bit is set although no extension was agreed on"));
        }
        if (second & MASKED != 0) != (self.end == End::Server) {
            return Err(Broken::Rule("a client masks its frames, and a server does not"));
        }
        let (length, mut at) = match second & 0x7f {
            126 => match bytes.get(2..4) {
                Some(length) => (u64::from(u16::from_be_bytes([length[0], length[1]])), 4),
                None => return Ok(None),
            },
            127 => match bytes[2..].first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        self.check(is_final, kind, length)?;
        let mut mask = None;
        if self.end == End::Server {
            let Some(key) = bytes[at..].first_chunk() else { return Ok(None) };
            mask = Some(*key);
            at += 4;
        }
        Ok(Some(Head { is_final, kind, mask, bytes: at, content_bytes: length as usize }))
    }

    /// Whether such a frame may come now, before any of its content is waited for.
    fn check(&self, is_final: bool, kind: u8, length: u64) -> Result<(), Broken> {
        match kind {
            CLOSE | PING | PONG if length > 125 => Err(Broken::Rule("a control frame holds up to 125 bytes")),
            CLOSE | PING | PONG if !is_final => Err(Broken::Rule("a control frame comes in one piece")),
            CONTINUATION if self.begun.is_none() => Err(Broken::Rule("there is nothing to continue")),
            TEXT | BINARY if self.begun.is_some() => Err(Broken::Rule("the message before is not whole yet")),
            CONTINUATION | TEXT | BINARY => {
                let before = self.begun.as_ref().map_or(0, |(_, content)| content.len());
                let found = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(before);
                let most = self.most_bytes;
                if found > most { Err(Broken::TooLarge { found, most }) } else { Ok(()) }
            }
            CLOSE | PING | PONG => Ok(()),
            _ => Err(Broken::Rule("there is no such kind of frame")),
        }
    }

    /// What a whole frame means; none if its message goes on.
    fn frame(&mut self, head: &Head, content: &[u8]) -> Result<Option<Message>, Broken> {
        self.read += content.len() as u64;
        let is_text = match (head.kind, &mut self.begun) {
            (CLOSE, _) => return close(content).map(|said| Some(Message::Close(said))),
            (PING, _) => return Ok(Some(Message::Ping(Bytes::copy_from_slice(content)))),
            (PONG, _) => return Ok(Some(Message::Pong(Bytes::copy_from_slice(content)))),
            (_, Some(_)) if self.pieces == MOST_PIECES => {
                return Err(Broken::Rule("a message comes in up to 1024 pieces"));
            }
            (_, Some((is_text, so_far))) => {
                self.pieces += 1;
                so_far.extend_from_slice(content);
                *is_text
            }
            (kind, None) if head.is_final => {
                if let Some(pcm) = self.ear.and_then(|ear| ear(content)) {
                    return Ok(Some(Message::Voice(pcm)));
                }
                return whole(kind == TEXT, content.to_vec()).map(Some);
            }
            (kind, begun) => {
                *begun = Some((kind == TEXT, content.to_vec()));
                self.pieces = 1;
                return Ok(None);
            }
        };
        let content = if head.is_final { self.begun.take() } else { None };
        content.map(|(_, content)| whole(is_text, content)).transpose()
    }
}

fn whole(is_text: bool, content: Vec<u8>) -> Result<Message, Broken> {
    if is_text {
        return String::from_utf8(content).map(Message::Text).map_err(|_| Broken::NotText);
    }
    Ok(Message::Binary(content.into()))
}

/// What a goodbye says.
fn close(content: &[u8]) -> Result<Option<(u16, String)>, Broken> {
    let Some((code, reason)) = content.split_first_chunk() else {
        let nothing = content.is_empty().then_some(None);
        return nothing.ok_or(Broken::Rule("a close code is two bytes"));
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Broken::Rule("there is no such close code"));
    }
    let reason = core::str::from_utf8(reason).map_err(|_| Broken::Rule("a close reason is no UTF-8"))?;
    Ok(Some((code, reason.to_owned())))
}

/// Appends a message to `out`, as this end writes it.
pub(crate) fn write(message: &impl Content, end: End, out: &mut Vec<u8>) {
    let length = message.bytes();
    let masked = if end == End::Client { MASKED } else { 0 };
    out.push(FINAL | message.kind() as u8);
    match length {
        0..=125 => out.push(masked | length as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = (end == End::Client).then(mask);
    out.extend(mask.iter().flatten());
    let begins = out.len();
    message.write(out);
    debug_assert_eq!(out.len() - begins, length, "it says how long it is");
    if let Some(mask) = mask {
        apply(mask, &mut out[begins..]);
    }
}

/// A mask that whoever chose the content cannot foresee (RFC 6455 §10.3): a keyed hash of a counter.
fn mask() -> [u8; 4] {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let hash = KEY.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)).to_le_bytes();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Masks, or unmasks, which is the same.
fn apply(mask: [u8; 4], content: &mut [u8]) {
    let word = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = content.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { found, most } => write!(f, "a message of {found} bytes, where {most} may be"),
            Self::NotText => f.write_str("a text that is no UTF-8"),
            Self::Rule(sentence) => f.write_str(sentence),
        }
    }
}

/// Whoever sends pieces sends them of some size; without end they would cost time and never be a message that is counted.
const MOST_PIECES: u32 = 1024;

/// What a close code takes.
const CODE_BYTES: usize = 2;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite;

    const MOST: usize = 100_000;

    /// All that is read of bytes that come in pieces of these lengths, over and over.
    fn read(end: End, bytes: &[u8], pieces: &[usize]) -> Result<Vec<Message>, Broken> {
        let (mut reader, mut messages, mut rest) = (Reader::new(end, MOST), Vec::new(), bytes);
        for length in pieces.iter().cycle() {
            let (piece, later) = rest.split_at(rest.len().min((*length).max(1)));
            rest = later;
            let mut message = reader.read(&mut piece.to_vec())?;
            while let Some(whole) = message {
                messages.push(whole);
                message = reader.next()?;
            }
            if rest.is_empty() {
                break;
            }
        }
        assert!(reader.rest.capacity() == 0 || reader.rest.len() > reader.taken, "an empty buffer is kept");
        Ok(messages)
    }

    fn written(end: End, messages: &[Message]) -> Vec<u8> {
        let mut out = Vec::new();
        messages.iter().for_each(|message| write(message, end, &mut out));
        out
    }

    #[test]
    fn a_voice_is_found_where_it_lies_and_only_in_a_message_of_one_piece() {
        let ear: Ear = |content| content.strip_prefix(b"la").map(Bytes::copy_from_slice);
        let voice = |sound: &'static [u8]| Message::Voice(Bytes::from_static(sound));
        for (end, other) in [(End::Server, End::Client), (End::Client, End::Server)] {
            let mut bytes = written(other, &[Message::Text("lalala".into()), Message::Text("no".into())]);
            write(&Message::Binary(Bytes::from_static(b"la\xff")), other, &mut bytes);
            let mut reader = Reader::new(end, MOST);
            reader.listen(ear);
            let first = reader.read(&mut bytes.clone());
            let rest: Vec<_> = core::iter::from_fn(|| reader.next().unwrap()).collect();
            assert_eq!(first, Ok(Some(voice(b"lala"))));
            assert_eq!(rest, [Message::Text("no".into()), voice(b"\xff")]);
            assert_eq!((reader.take_read(), reader.take_read()), (6 + 2 + 3, 0));
        }
        let mut reader = Reader::new(End::Client, MOST);
        reader.listen(ear);
        let pieces = [&[TEXT, 2][..], b"la", &[FINAL | CONTINUATION, 1], b"!"].concat();
        assert_eq!(reader.read(&mut pieces.clone()), Ok(Some(Message::Text("la!".into()))));
    }

    fn message() -> impl Strategy<Value = Message> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from);
        prop_oneof![
            ".{0,200}".prop_map(Message::Text),
            bytes(70_000).prop_map(Message::Binary),
            bytes(125).prop_map(Message::Ping),
            bytes(125).prop_map(Message::Pong),
            Just(Message::Close(None)),
            (1000_u16..1003, ".{0,20}").prop_map(|said| Message::Close(Some(said))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_written_is_read_in_whatever_pieces_it_comes(
            messages in prop::collection::vec(message(), 0..6),
            pieces in prop::collection::vec(1_usize..3_000, 1..9),
        ) {
            prop_assert_eq!(read(End::Server, &written(End::Client, &messages), &pieces), Ok(messages.clone()));
            prop_assert_eq!(read(End::Client, &written(End::Server, &messages), &pieces), Ok(messages));
        }

        #[test]
        fn nothing_that_anybody_sends_panics_and_pieces_change_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            pieces in prop::collection::vec(1_usize..40, 1..9),
        ) {
            for end in [End::Server, End::Client] {
                let whole = read(end, &bytes, &[usize::MAX]);
                prop_assert_eq!(read(end, &bytes, &pieces).is_ok(), whole.is_ok());
            }
        }

        #[test]
        fn tungstenite_reads_what_is_written_here_and_is_read(
            content in prop::collection::vec(any::<u8>(), 0..70_000),
            text in ".{0,300}",
        ) {
            let theirs = vec![tungstenite::Message::binary(content.clone()), tungstenite::Message::text(text.clone())];
            let ours = vec![Message::Binary(content.into()), Message::Text(text)];
            for (end, role) in [(End::Server, tungstenite::protocol::Role::Client), (End::Client, tungstenite::protocol::Role::Server)] {
                let mut socket = tungstenite::WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), role, None);
                theirs.iter().for_each(|message| socket.send(message.clone()).unwrap());
                prop_assert_eq!(read(end, socket.get_ref().get_ref(), &[1000]), Ok(ours.clone()));
                let stream = std::io::Cursor::new(written(end, &ours));
                let mut socket = tungstenite::WebSocket::from_raw_socket(stream, role, None);
                for message in &theirs {
                    prop_assert_eq!(&socket.read().unwrap(), message);
                }
            }
        }
    }

    #[test]
    fn joins_fragments_around_what_comes_between_them() {
        let bytes = [&[0x01, 2][..], b"Gu", &[0x89, 1, 7], &[0x00, 1], b"t", &[0x80, 3], b"en!"].concat();
        let expected = vec![Message::Ping(Bytes::from_static(&[7])), Message::Text("Guten!".into())];
        assert_eq!(read(End::Client, &bytes, &[usize::MAX]), Ok(expected));
    }

    #[test]
    fn pieces_without_end_are_refused_though_they_hold_nothing() {
        let message = |more: usize| [vec![0x01, 0], [0x00, 0].repeat(more), vec![0x80, 0]].concat();
        assert_eq!(read(End::Client, &message(1022), &[99]), Ok(vec![Message::Text(String::new())]));
        let broken = read(End::Client, &message(1023), &[99]).unwrap_err();
        assert_eq!(broken.to_string(), "a message comes in up to 1024 pieces");
    }

    #[test]
    fn says_which_rule_was_broken() {
        for (bytes, end, words) in [
            (&[0xc2, 0][..], End::Client, "reserved bit"),
            (&[0x82, 0], End::Server, "masks its frames"),
            (&[0x82, 0x80, 0, 0, 0, 0], End::Client, "masks its frames"),
            (&[0x80, 0], End::Client, "nothing to continue"),
            (&[0x02, 0, 0x82, 0], End::Client, "not whole yet"),
            (&[0x83, 0], End::Client, "no such kind"),
            (&[0x89, 126, 0, 126], End::Client, "125 bytes"),
            (&[0x09, 0], End::Client, "one piece"),
            (&[0x88, 1, 3], End::Client, "two bytes"),
            (&[0x88, 2, 3, 0xed], End::Client, "no such close code"),
            (&[0x88, 3, 3, 0xe8, 0xff], End::Client, "reason is no UTF-8"),
            (&[0x81, 1, 0xff], End::Client, "a text that is no UTF-8"),
        ] {
            let broken = read(end, bytes, &[usize::MAX]).unwrap_err().to_string();
            assert!(broken.contains(words), "{broken}");
        }
    }

    #[test]
    fn refuses_what_is_too_large_before_it_comes() {
        let most = MOST;
        let found = MOST + 1;
        let mut huge = vec![0x82, 127];
        huge.extend((found as u64).to_be_bytes());
        assert_eq!(read(End::Client, &huge, &[usize::MAX]), Err(Broken::TooLarge { found, most }));
        huge[2..].fill(0xff);
        assert!(matches!(read(End::Client, &huge, &[usize::MAX]), Err(Broken::TooLarge { .. })));
        let in_parts = [&[0x02, 126, 0xff, 0xff][..], &[0; 0xffff], &[0x00, 126, 0xff, 0xff]].concat();
        let found = 2 * 0xffff;
        assert_eq!(read(End::Client, &in_parts, &[999]), Err(Broken::TooLarge { found, most }));
    }
}
