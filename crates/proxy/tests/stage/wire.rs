//! A network between a phone and a proxy that fails as networks do.

use super::Dice;
use bytes::Bytes;
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Carries each connection to a proxy, until told otherwise.
pub(crate) struct Network {
    pub(crate) address: SocketAddr,
    weather: watch::Sender<Weather>,
    begun: Arc<AtomicU64>,
    toll: Arc<Mutex<Option<Toll>>>,
}

/// What becomes of the connections, which are numbered as they begin.
#[derive(Clone, Copy, Debug)]
struct Weather {
    target: SocketAddr,
    is_away: bool,
    /// Those before this one are reset; of those before that one nothing is carried any more.
    reset_below: u64,
    swallowed_below: u64,
    up_kbit_s: Option<u32>,
    jitter: Duration,
}

/// Bytes that are still carried in each direction until the connection is cut.
#[derive(Clone, Copy, Debug)]
struct Toll {
    up: usize,
    down: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Network {
    /// A network on which all is well.
    pub(crate) fn to(target: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // What waits is to wait at its sender. Set later, it would take back what the sender was allowed.
        socket.set_recv_buffer_size(SOCKET_BYTES).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1_024).unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, _) = watch::channel(Weather {
            target,
            is_away: false,
            reset_below: 0,
            swallowed_below: 0,
            up_kbit_s: None,
            jitter: Duration::ZERO,
        });
        let network = Self { address, weather, begun: Arc::default(), toll: Arc::default() };
        let (begun, toll) = (Arc::clone(&network.begun), Arc::clone(&network.toll));
        let weather = network.weather.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if weather.borrow().is_away {
                    reset(&near);
                    continue;
                }
                let number = begun.fetch_add(1, Ordering::Relaxed);
                let carrier = Carrier { number, weather: weather.clone(), toll: Arc::clone(&toll) };
                tokio::spawn(carrier.carry(near));
            }
        });
        network
    }

    /// New connections go there.
    pub(crate) fn leads_to(&self, target: SocketAddr) {
        self.weather.send_modify(|weather| weather.target = target);
    }

    /// Resets all connections.
    pub(crate) fn cuts(&self) {
        let begun = self.begun();
        self.weather.send_modify(|weather| weather.reset_below = begun);
    }

    /// Resets all connections and refuses new ones until it returns.
    pub(crate) fn leaves(&self) {
        self.weather.send_modify(|weather| weather.is_away = true);
        self.cuts();
    }

    /// Takes connections again.
    pub(crate) fn returns(&self) {
        self.weather.send_modify(|weather| weather.is_away = false);
    }

    /// Keeps the connections that there are and carries nothing over them any more, nor says so.
    pub(crate) fn swallows(&self) {
        let begun = self.begun();
        self.weather.send_modify(|weather| weather.swallowed_below = begun);
    }

    /// Carries so much towards the proxy and no more.
    pub(crate) fn narrows(&self, up_kbit_s: u32) {
        self.weather.send_modify(|weather| weather.up_kbit_s = Some(up_kbit_s));
    }

    /// Delays each piece by up to so much; the order stays.
    pub(crate) fn wavers(&self, jitter: Duration) {
        self.weather.send_modify(|weather| weather.jitter = jitter);
    }

    /// Resets the connection that carries this many bytes up or down from here on, in the middle of whatever it carries.
    pub(crate) fn cuts_after(&self, up: usize, down: usize) {
        *self.toll.lock().unwrap() = Some(Toll { up, down });
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }
}

/// Carries one connection.
struct Carrier {
    number: u64,
    weather: watch::Receiver<Weather>,
    toll: Arc<Mutex<Option<Toll>>>,
}

/// The connection was cut or fell.
struct Cut;

impl Carrier {
    async fn carry(self, mut near: TcpStream) {
        let target = self.weather.borrow().target;
        let Ok(mut far) = TcpStream::connect(target).await else { return reset(&near) };
        for stream in [&near, &far] {
            stream.set_nodelay(true).unwrap();
        }
        let mut weather = self.weather.clone();
        let ((near_out, near_in), (far_out, far_in)) = (near.split(), far.split());
        let both = async {
            tokio::try_join!(self.pump(near_out, far_in, Way::Up), self.pump(far_out, near_in, Way::Down))
        };
        let is_whole = tokio::select! {
            both = both => both.is_ok(),
            _ = weather.wait_for(|weather| self.number < weather.reset_below) => false,
        };
        if !is_whole {
            reset(&near);
            reset(&far);
        }
    }

    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        way: Way,
    ) -> Result<(), Cut> {
        let (sender, mut on_the_way) = mpsc::channel::<(Instant, Bytes)>(PIECES);
        let takes = async move {
            let mut dice = Dice(self.number * 2 + 1 + (way == Way::Up) as u64);
            let mut buffer = [0; PIECE_BYTES];
            loop {
                let count = from.read(&mut buffer).await.map_err(|_| Cut)?;
                if count == 0 {
                    return Ok::<_, Cut>(());
                }
                let delay = self.weather.borrow().jitter.mul_f64(dice.share());
                let piece = Bytes::copy_from_slice(&buffer[..count]);
                sender.send((Instant::now() + delay, piece)).await.map_err(|_| Cut)?;
            }
        };
        let gives = async {
            let mut free_at = Instant::now();
            while let Some((due_at, piece)) = on_the_way.recv().await {
                sleep_until(due_at.max(free_at)).await;
                let mut weather = self.weather.clone();
                let _ = weather.wait_for(|weather| self.number >= weather.swallowed_below).await;
                let carried = self.pay(way, piece.len());
                to.write_all(&piece[..carried]).await.map_err(|_| Cut)?;
                if carried < piece.len() {
                    return Err(Cut);
                }
                if let Some(kbit_s) = weather.borrow().up_kbit_s.filter(|_| way == Way::Up) {
                    let takes = Duration::from_micros(piece.len() as u64 * 8_000 / u64::from(kbit_s));
                    free_at = free_at.max(Instant::now()) + takes;
                }
            }
            to.shutdown().await.map_err(|_| Cut)
        };
        tokio::try_join!(takes, gives).map(|((), ())| ())
    }

    /// How many of so many bytes are carried.
    fn pay(&self, way: Way, bytes: usize) -> usize {
        let mut toll = self.toll.lock().unwrap();
        let Some(Toll { up, down }) = toll.as_mut() else { return bytes };
        let left = if way == Way::Up { up } else { down };
        let carried = bytes.min(*left);
        *left -= carried;
        if carried < bytes {
            *toll = None;
        }
        carried
    }
}

/// Has the socket end with a reset as soon as it is dropped.
fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// What an Ethernet frame holds.
const PIECE_BYTES: usize = 1_400;
/// A second of the microphone waits in the network.
const PIECES: usize = 24;
/// Half a second of the microphone waits in a socket.
pub(super) const SOCKET_BYTES: u32 = 16 * 1024;
