//! Those who call, and what came of it.

use crate::dialect::{Dialect, Microphone};
use crate::socket::{self, CLOSE, Ear, Mouth, PING, PONG, TEXT};
use crate::watch::{self, Usage};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

/// What is to be measured.
pub struct Plan {
    pub dialect: Dialect,
    pub port: u16,
    pub calls: usize,
    pub seconds: u64,
    /// Or else is muted.
    pub speaks: bool,
    /// The proxy's processes.
    pub watched: Vec<u32>,
}

/// What all callers note together.
struct Tally {
    origin: Instant,
    dialect: Dialect,
    /// Whether what comes counts.
    is_on: Cell<bool>,
    has_ended: Cell<bool>,
    /// Answers that are owed: one for two frames.
    due: Cell<u64>,
    answered: Cell<u64>,
    trips_us: RefCell<Vec<u64>>,
}

/// Makes the calls and says in JSON what they cost.
pub async fn run(plan: Plan) -> io::Result<String> {
    rehearse(&plan).await?;
    let tally = Rc::new(Tally::new(plan.dialect));
    let before = watch::usage(&plan.watched);
    let mut lines = Vec::with_capacity(plan.calls);
    for _ in 0..plan.calls {
        lines.push(connect(plan.dialect, plan.port, &tally).await?);
    }
    let talks = lines.into_iter().enumerate().map(|(index, line)| {
        let phase = Duration::from_nanos(FRAME.as_nanos() as u64 * index as u64 / plan.calls as u64);
        tokio::task::spawn_local(talk(line, phase, plan.speaks, Rc::clone(&tally)))
    });
    let talks: Vec<JoinHandle<Line>> = talks.collect();
    sleep(if plan.speaks { WARM_UP } else { SETTLING }).await;
    tally.is_on.set(true);
    let (begun, first) = (Instant::now(), watch::usage(&plan.watched));
    sleep(Duration::from_secs(plan.seconds)).await;
    let (lasted, last) = (begun.elapsed(), watch::usage(&plan.watched));
    tally.is_on.set(false);
    tally.has_ended.set(true);
    // The lines stay open for what is still on its way.
    let mut lines = Vec::with_capacity(plan.calls);
    for talk in talks {
        lines.push(talk.await.map_err(io::Error::other)?);
    }
    let hung_up = lines.iter().filter(|line| line.ear.is_finished()).count();
    sleep(LATEST_ANSWER).await;
    Ok(tally.report(&plan, lasted, hung_up, [before, first, last]))
}

/// Has a few calls made that talk until each was answered, and end: what a proxy reads of its own program for the first of all calls is no
/// call's memory.
async fn rehearse(plan: &Plan) -> io::Result<()> {
    let tally = Rc::new(Tally::new(plan.dialect));
    let mut talks = Vec::with_capacity(REHEARSALS);
    for _ in 0..REHEARSALS {
        let line = connect(plan.dialect, plan.port, &tally).await?;
        talks.push(tokio::task::spawn_local(talk(line, Duration::ZERO, true, Rc::clone(&tally))));
    }
    while tally.answered.get() < REHEARSALS as u64 * ANSWERS_EACH
        && talks.iter().any(|talk| !talk.is_finished())
    {
        sleep(FRAME).await;
    }
    tally.has_ended.set(true);
    for talk in talks {
        let mut line = talk.await.map_err(io::Error::other)?;
        // One that hung up already has nothing to end.
        let _ = line.mouth.say(CLOSE, &[&NORMAL.to_be_bytes()]).await;
        let _ = timeout(LATEST_ANSWER, line.ear).await;
    }
    Ok(())
}

/// A line on which somebody listens.
struct Line {
    mouth: Mouth,
    wishes: mpsc::UnboundedReceiver<Wish>,
    ear: JoinHandle<()>,
}

/// What is to be answered beside the sound.
enum Wish {
    Pong(Vec<u8>),
    Text(String),
}

/// Dials, and waits until the proxy is ready.
async fn connect(dialect: Dialect, port: u16, tally: &Rc<Tally>) -> io::Result<Line> {
    let (mut ear, mut mouth) = socket::dial(port, dialect.path(), dialect.protocol()).await?;
    if let Some(hello) = dialect.hello() {
        mouth.say(TEXT, &[hello.as_bytes()]).await?;
    }
    let ready = async {
        while let Some(frame) = ear.next().await {
            if dialect.is_ready(frame.payload) {
                return Ok(());
            }
        }
        Err(io::Error::other("the proxy hung up before it was ready"))
    };
    timeout(LONGEST_SETUP, ready)
        .await
        .map_err(|_| io::Error::other("the proxy was not ready in time"))??;
    let (wish, wishes) = mpsc::unbounded_channel();
    let ear = tokio::task::spawn_local(listen(ear, wish, Rc::clone(tally)));
    Ok(Line { mouth, wishes, ear })
}

/// Notes all that comes.
async fn listen(mut ear: Ear, wish: mpsc::UnboundedSender<Wish>, tally: Rc<Tally>) {
    while let Some(frame) = ear.next().await {
        match frame.opcode {
            PING => drop(wish.send(Wish::Pong(frame.payload.to_vec()))),
            CLOSE => break,
            _ => {
                if let Some(age_us) = tally.dialect.age_us(frame.payload, tally.origin) {
                    tally.answered.set(tally.answered.get() + 1);
                    if tally.is_on.get() {
                        tally.trips_us.borrow_mut().push(age_us);
                    }
                } else if frame.opcode == TEXT && frame.payload.starts_with(br#"{"type":"ping""#) {
                    let pong = String::from_utf8_lossy(frame.payload).replacen("ping", "pong", 1);
                    drop(wish.send(Wish::Text(pong)));
                }
            }
        }
    }
}

/// Speaks until all have ended, beginning at its own moment within a frame's time; hands back the line.
async fn talk(mut line: Line, phase: Duration, speaks: bool, tally: Rc<Tally>) -> Line {
    let mut microphone = Microphone::new(tally.dialect);
    if let Some(mute) = tally.dialect.mute().filter(|_| !speaks)
        && line.mouth.say(TEXT, &[mute.as_bytes()]).await.is_err()
    {
        return line;
    }
    let (mut frames, mut due) = (0_u64, tokio::time::Instant::now() + phase);
    while !tally.has_ended.get() {
        tokio::select! {
            biased;
            () = sleep_until(due) => {
                due += if speaks { FRAME } else { NAP };
                if !speaks {
                    continue;
                }
                if microphone.say(&mut line.mouth, tally.origin).await.is_err() {
                    return line;
                }
                frames += 1;
                tally.due.set(tally.due.get() + u64::from(frames.is_multiple_of(2)));
            }
            Some(wish) = line.wishes.recv() => {
                let said = match wish {
                    Wish::Pong(payload) => line.mouth.say(PONG, &[&payload]).await,
                    Wish::Text(text) => line.mouth.say(TEXT, &[text.as_bytes()]).await,
                };
                if said.is_err() {
                    return line;
                }
            }
        }
    }
    line
}

impl Tally {
    fn new(dialect: Dialect) -> Self {
        Self {
            origin: Instant::now(),
            dialect,
            is_on: Cell::new(false),
            has_ended: Cell::new(false),
            due: Cell::new(0),
            answered: Cell::new(0),
            trips_us: RefCell::default(),
        }
    }

    fn report(
        &self,
        plan: &Plan,
        lasted: Duration,
        hung_up: usize,
        [before, first, last]: [Usage; 3],
    ) -> String {
        let mut trips = self.trips_us.borrow_mut();
        trips.sort_unstable();
        let at = |share: f64| {
            let index = (trips.len().saturating_sub(1)) as f64 * share;
            trips.get(index as usize).map_or(0.0, |us| *us as f64 / 1e3)
        };
        let call_minutes = plan.calls as f64 * lasted.as_secs_f64() / 60.0;
        let cpu_s = last.cpu_s - first.cpu_s;
        let kib = last.rss_kib.saturating_sub(before.rss_kib) as f64 / plan.calls as f64;
        let lost = self.due.get().saturating_sub(self.answered.get());
        format!(
            r#"{{"calls":{},"seconds":{:.3},"cpu_s_per_call_minute":{:.5},"kib_per_call":{kib:.2},"p50_ms":{:.3},"p99_ms":{:.3},"trips":{},"lost":{lost},"hung_up":{hung_up}}}"#,
            plan.calls,
            lasted.as_secs_f64(),
            cpu_s / call_minutes,
            at(0.5),
            at(0.99),
            trips.len(),
        )
    }
}

/// Calls before those that are measured, for each thread of a proxy some; and what they hear.
const REHEARSALS: usize = 8;
const ANSWERS_EACH: u64 = 25;
/// How a call ends that needs no reason (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;
/// How often a microphone speaks.
const FRAME: Duration = Duration::from_millis(20);
/// How often one that is muted looks whether it is over.
const NAP: Duration = Duration::from_secs(1);
/// Until every buffer has its size.
const WARM_UP: Duration = Duration::from_secs(2);
/// Until the silence that closes a muted sentence has been sent.
const SETTLING: Duration = Duration::from_secs(4);
/// An answer that takes longer counts as lost.
const LATEST_ANSWER: Duration = Duration::from_secs(2);
/// One caller after the other; this is much for one.
const LONGEST_SETUP: Duration = Duration::from_secs(20);
