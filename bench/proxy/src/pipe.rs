//! The least that a proxy can be: bytes go from one socket to the other, and nobody looks at them. What this costs is the sockets' own
//! cost, which no proxy goes below that reads and writes them one by one.

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Passes connections on to a port of this machine until it is ended; says where, once it listens.
pub fn serve(upstream: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let count = thread::available_parallelism()?.get();
    let desks = (0..count).map(|_| Desk::open()).collect::<io::Result<Vec<_>>>()?;
    println!("listening on {}", listener.local_addr()?.port());
    for (turn, stream) in listener.incoming().enumerate() {
        let ends = [stream?, std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?];
        for end in &ends {
            end.set_nodelay(true)?;
            end.set_nonblocking(true)?;
        }
        desks[turn % count].take(ends.map(TcpStream::from_std))?;
    }
    Ok(())
}

/// A thread that passes on what comes at its connections.
struct Desk {
    coming: Sender<[TcpStream; 2]>,
    bell: Waker,
}

impl Desk {
    fn open() -> io::Result<Self> {
        let poll = Poll::new()?;
        let bell = Waker::new(poll.registry(), BELL)?;
        let (coming, came) = channel();
        thread::spawn(move || Pipes { poll, came, ends: Vec::new() }.run());
        Ok(Self { coming, bell })
    }

    fn take(&self, ends: [TcpStream; 2]) -> io::Result<()> {
        self.coming.send(ends).map_err(io::Error::other)?;
        self.bell.wake()
    }
}

/// Both ends of each connection beside each other: one of an even and the other of the odd number that follows.
struct Pipes {
    poll: Poll,
    came: Receiver<[TcpStream; 2]>,
    ends: Vec<Option<End>>,
}

/// One end, and what it has not taken yet.
struct End {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Pipes {
    fn run(mut self) -> io::Result<()> {
        let (mut events, mut room) = (Events::with_capacity(1024), vec![0; ROOM_BYTES]);
        loop {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                let Token(number) = event.token();
                if event.token() == BELL {
                    self.enter()?;
                    continue;
                }
                if event.is_writable() && self.has_unsent(number) {
                    // And on with what was not read meanwhile.
                    self.carry(number, |pipes| pipes.flush(number) && pipes.pass(number ^ 1, &mut room));
                }
                if event.is_readable() {
                    self.carry(number, |pipes| pipes.pass(number, &mut room));
                }
            }
        }
    }

    fn enter(&mut self) -> io::Result<()> {
        while let Ok(pair) = self.came.try_recv() {
            for mut stream in pair {
                let number = Token(self.ends.len());
                let both = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut stream, number, both)?;
                self.ends.push(Some(End { stream, unsent: Vec::new() }));
            }
        }
        Ok(())
    }

    /// Does something for a connection, which ends with either of its ends.
    fn carry(&mut self, number: usize, how: impl FnOnce(&mut Self) -> bool) {
        if !how(self) {
            self.ends[number] = None;
            self.ends[number ^ 1] = None;
        }
    }

    fn has_unsent(&self, to: usize) -> bool {
        self.ends[to].as_ref().is_some_and(|end| !end.unsent.is_empty())
    }

    /// Passes on what came at one end, as long as the other takes it; whether both are still there.
    fn pass(&mut self, from: usize, room: &mut [u8]) -> bool {
        while !self.has_unsent(from ^ 1) {
            let Some(end) = &mut self.ends[from] else { return true };
            let count = match end.stream.read(room) {
                Ok(0) => return false,
                Ok(count) => count,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            };
            if let Some(other) = &mut self.ends[from ^ 1] {
                other.unsent.extend_from_slice(&room[..count]);
            }
            // What comes later is told of.
            if !self.flush(from ^ 1) {
                return false;
            }
            if count < room.len() {
                return true;
            }
        }
        true
    }

    /// Whether the end is still there.
    fn flush(&mut self, to: usize) -> bool {
        let Some(End { stream, unsent }) = &mut self.ends[to] else { return true };
        while !unsent.is_empty() {
            match stream.write(unsent) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

/// No connection has this number.
const BELL: Token = Token(usize::MAX);

/// What is read at a time: more than a piece of a voice.
const ROOM_BYTES: usize = 16 * 1024;
