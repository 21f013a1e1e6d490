//! Whoever sends faster than anybody talks, because their network was away or to do harm, takes nothing from those who do not.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

thread_local! {
    /// The turn of those who are ahead, with the moment at which it may begin.
    static AHEAD: Arc<Mutex<Option<Instant>>> = Arc::default();
}

/// A turn among the calls of this thread whose phones are [ahead](crate::meter::Meter::is_ahead). One of them has it at a time, in the
/// order in which they asked; it is short, there is a pause after it, and whatever else the thread has to do comes first. So however many
/// are ahead, all together they take a small part of the thread, and TCP slows their phones down.
#[derive(Debug)]
pub(crate) struct Turn {
    next_at: OwnedMutexGuard<Option<Instant>>,
    left: u32,
}

impl Turn {
    /// Goes on with a turn, or waits for the next one if there is none or it is over.
    pub(crate) async fn go_on(turn: Option<Self>) -> Self {
        let turn = match turn {
            Some(mut turn) if turn.left > 0 => {
                turn.left -= 1;
                turn
            }
            turn => {
                drop(turn);
                let next_at = AHEAD.with(Arc::clone).lock_owned().await;
                if let Some(at) = *next_at {
                    sleep_until(at).await;
                }
                Self { next_at, left: MOST_IN_A_TURN }
            }
        };
        yield_now().await;
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.next_at = Some(Instant::now() + PAUSE);
    }
}

/// Sends a connection's end and reads until the other side's: closing with something unread would reset the connection, and take our
/// last words back. Of those who go on sending as if nothing had been said, one at a time is heard, and not fast.
pub(crate) async fn hear_out(mut stream: TcpStream) {
    static TURN: Mutex<()> = Mutex::const_new(());
    let _ = stream.shutdown().await;
    let mut heard = 0;
    loop {
        let _ = stream.readable().await;
        let turn = if heard < HEARD_AT_ONCE { None } else { Some(TURN.lock().await) };
        // Not kept for who has nothing to say.
        match stream.try_read(&mut vec![0; HEARD_AT_ONCE]) {
            Ok(0) => return,
            Ok(count) => heard += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        if turn.is_some() {
            sleep(PAUSE).await;
        }
    }
}

/// More than a call has on its way; by turns, with a timer's millisecond, some 40 MB a second.
const HEARD_AT_ONCE: usize = 64 * 1024;

/// Each time some frames are taken ([`List::had_its_turn`](crate::bells::List::had_its_turn)), twenty in a turn: with a timer's millisecond
/// some ten thousand a second, so that one that is alone has its half minute of sound heard in a fraction of a second.
const MOST_IN_A_TURN: u32 = 3;
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_ahead_take_short_turns_one_after_the_other_and_leave_the_thread_to_others_between() {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let began = Instant::now();
        let ahead = |name: char| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                let mut turn = None;
                for _ in 0..8 {
                    turn = Some(Turn::go_on(turn).await);
                    order.lock().unwrap().push(name);
                }
            })
        };
        let all = ['a', 'b', 'c'].map(ahead);
        let other = Arc::clone(&order);
        let other = tokio::spawn(async move {
            loop {
                yield_now().await;
                other.lock().unwrap().push('.');
            }
        });
        for one in all {
            one.await.unwrap();
        }
        other.abort();
        let order: String = order.lock().unwrap().iter().collect();
        let turns: String = order.chars().filter(|name| *name != '.').collect();
        assert_eq!(turns, "aaaabbbbccccaaaabbbbcccc");
        assert!(!["aaa", "bbb", "ccc"].iter().any(|three| order.contains(three)), "{order}");
        assert!(began.elapsed() >= PAUSE * 5, "{:?}", began.elapsed());
    }
}
