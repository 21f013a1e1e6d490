//! Who has rung at a call: only those are asked.
//!
//! A task that is woken does not know by whom, and there are seven that may have woken a call, most of whom hardly ever do. So each
//! has a waker of its own, which notes who it was before it wakes the task; and a frame costs a question to one socket.

use core::task::{Context, Waker};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

/// One of those that things come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Phone,
    Service,
    /// Where phones enter.
    Door,
    Errands,
    Registry,
    /// Whether the process goes down.
    House,
    Clock,
}

/// The wakers of one task.
#[derive(Debug)]
pub(crate) struct Bells {
    wakers: [Waker; EACH.len()],
    rung: Arc<Rung>,
    /// Whom they wake.
    task: Option<Waker>,
}

#[derive(Debug, Default)]
struct Rung {
    /// A bit for each of [`EACH`].
    who: AtomicU8,
    task: Mutex<Option<Waker>>,
}

struct Bell {
    rung: Arc<Rung>,
    bit: u8,
}

impl Bells {
    pub(crate) fn new() -> Self {
        let rung = Arc::new(Rung::default());
        let wakers =
            EACH.map(|asked| Waker::from(Arc::new(Bell { rung: Arc::clone(&rung), bit: bit(asked) })));
        Self { wakers, rung, task: None }
    }

    /// Puts those that have rung since this was called last on the list; from now on `context` is woken by who rings.
    pub(crate) fn answer(&mut self, context: &Context<'_>, list: &mut List) {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            self.task = Some(context.waker().clone());
            *self.rung.task.lock().unwrap_or_else(PoisonError::into_inner) = self.task.clone();
        }
        list.due |= self.rung.who.swap(0, Ordering::AcqRel);
    }

    /// For whoever is asked.
    pub(crate) const fn waker(&self, asked: Asked) -> &Waker {
        &self.wakers[asked as usize]
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Whoever rang first has woken the task, or is about to; it has not answered yet.
        if self.rung.who.fetch_or(self.bit, Ordering::AcqRel) == 0
            && let Some(task) = &*self.rung.task.lock().unwrap_or_else(PoisonError::into_inner)
        {
            task.wake_by_ref();
        }
    }
}

/// Who is to be asked, one after the other.
#[derive(Debug)]
pub(crate) struct List {
    due: u8,
    /// Where to go on.
    at: u32,
    /// Who was asked last and has yet to have had something.
    asked: u8,
    /// Things that happened since nobody had any.
    in_a_row: u32,
}

impl List {
    /// All are to be asked.
    pub(crate) const fn new() -> Self {
        Self { due: ALL, at: 0, asked: 0, in_a_row: 0 }
    }

    /// The next one to ask; none when all were that are to be. Whoever had nothing is not asked again until they ring.
    pub(crate) fn next(&mut self) -> Option<Asked> {
        self.due &= !core::mem::take(&mut self.asked);
        let from_here = self.due & (ALL << self.at);
        let next = if from_here == 0 { self.due } else { from_here }.trailing_zeros();
        let asked = EACH.get(next as usize).copied();
        match asked {
            Some(asked) => (self.at, self.asked) = (next, bit(asked)),
            None => (self.at, self.in_a_row) = (0, 0),
        }
        asked
    }

    /// Something came from the one that was asked last, who may have more.
    pub(crate) const fn happened(&mut self) {
        self.asked = 0;
        self.in_a_row += 1;
    }

    /// Whether so much happened without a pause that others come first now: those on this list, and other calls.
    pub(crate) const fn had_its_turn(&mut self) -> bool {
        if self.in_a_row <= MOST_IN_A_ROW {
            return false;
        }
        (self.at, self.in_a_row) = ((self.at + 1) % EACH.len() as u32, 0);
        true
    }

    /// Somebody is to be asked although they did not ring.
    pub(crate) const fn add(&mut self, who: Asked) {
        self.due |= bit(who);
        self.asked &= !bit(who);
    }

    /// All are to be asked.
    pub(crate) const fn add_all(&mut self) {
        (self.due, self.asked) = (ALL, 0);
    }
}

const fn bit(asked: Asked) -> u8 {
    1 << asked as u8
}

const EACH: [Asked; 7] =
    [Asked::Phone, Asked::Service, Asked::Door, Asked::Errands, Asked::Registry, Asked::House, Asked::Clock];

const ALL: u8 = (1 << EACH.len()) - 1;

/// As much as comes at once of a call that goes well: a frame each way, a word of the phone's and a clock.
const MOST_IN_A_ROW: u32 = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;

    /// Those that are asked until nobody is left, each in vain.
    fn rest(list: &mut List) -> Vec<Asked> {
        core::iter::from_fn(|| list.next()).collect()
    }

    #[derive(Default)]
    struct Woken(AtomicU8);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_are_asked_at_first_and_then_those_who_rang() {
        let (woken, mut bells, mut list) = (Arc::new(Woken::default()), Bells::new(), List::new());
        let task = Waker::from(Arc::clone(&woken));
        bells.answer(&Context::from_waker(&task), &mut list);
        assert_eq!(rest(&mut list), EACH);
        bells.answer(&Context::from_waker(&task), &mut list);
        assert_eq!(rest(&mut list), []);
        for who in [Asked::Clock, Asked::Phone, Asked::Clock] {
            bells.waker(who).wake_by_ref();
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "once until it answers");
        bells.answer(&Context::from_waker(&task), &mut list);
        assert_eq!(rest(&mut list), [Asked::Phone, Asked::Clock]);
        bells.waker(Asked::Door).wake_by_ref();
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn another_task_is_woken_once_it_has_asked() {
        let (mut bells, mut list) = (Bells::new(), List::new());
        let woken: [_; 2] = core::array::from_fn(|_| Arc::new(Woken::default()));
        for task in &woken {
            bells.answer(&Context::from_waker(&Waker::from(Arc::clone(task))), &mut list);
            bells.waker(Asked::House).wake_by_ref();
        }
        assert_eq!(woken.map(|task| task.0.load(Ordering::Relaxed)), [1, 1]);
    }

    #[test]
    fn who_had_something_is_asked_again() {
        let mut list = List::new();
        assert_eq!((list.next(), list.next()), (Some(Asked::Phone), Some(Asked::Service)));
        list.happened();
        assert_eq!(rest(&mut list), EACH[1..]);
        list.add(Asked::Phone);
        assert_eq!(rest(&mut list), [Asked::Phone]);
        list.add_all();
        assert_eq!(rest(&mut list).len(), EACH.len());
    }

    #[test]
    fn who_is_added_while_it_is_asked_is_asked_again() {
        let mut list = List::new();
        assert_eq!(list.next(), Some(Asked::Phone));
        list.add(Asked::Phone);
        assert_eq!(list.next(), Some(Asked::Phone));
    }

    #[test]
    fn who_always_has_something_keeps_nobody_waiting_and_is_not_forgotten() {
        let (mut list, mut turns) = (List::new(), 0);
        let asked: Vec<_> = (0..1_000)
            .map(|_| {
                let asked = list.next();
                if asked == Some(Asked::Phone) {
                    list.happened();
                    list.add(Asked::Clock);
                }
                turns += u32::from(list.had_its_turn());
                asked
            })
            .collect();
        let of = |who| asked.iter().filter(|asked| **asked == Some(who)).count();
        assert!(of(Asked::Clock) > 100 && of(Asked::Phone) > 700, "{}", of(Asked::Clock));
        assert!(turns > 100, "other calls come first as often: {turns}");
        assert!(!asked.contains(&None), "it may have more");
    }

    #[test]
    fn who_pauses_has_not_had_its_turn() {
        let mut list = List::new();
        rest(&mut list);
        for _ in 0..100 {
            list.add(Asked::Phone);
            assert_eq!(list.next(), Some(Asked::Phone));
            list.happened();
            assert!(!list.had_its_turn());
            assert_eq!(rest(&mut list), [Asked::Phone]);
        }
    }
}
