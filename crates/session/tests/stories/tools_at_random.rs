//! Whatever happens: each function call is answered once, or not at all if the service no longer wants that.

use crate::pair::{hello, relay_config};
use crate::tools::tool;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use vivavoce_gemini::{Behavior, ClientMessage};
use vivavoce_session::{
    Begun, Earlier, Job, Moment, Relay, RelayConfig, RelayInput, RelayOutput, Shown, TOOL_MEMORY, ToolEnd,
    ToolOutcome, Tools,
};
use vivavoce_wire::message::{FromClient, FromProxy, Hello, Resume, ToolState};

/// What befalls a conversation.
#[derive(Clone, Debug)]
enum Fate {
    /// The model calls, and the service may take some back in the same breath.
    Calls {
        calls: Vec<(u8, u8, u8)>,
        cancels: Vec<u8>,
    },
    Cancels(Vec<u8>),
    /// A job of the shell's comes to an end, or to a second one.
    Done {
        which: u8,
        how: u8,
    },
    /// The page answers for something that it was shown.
    PageResult {
        which: u8,
        will_continue: bool,
    },
    Confirms {
        which: u8,
        approved: bool,
        wrong: bool,
    },
    ServiceCloses(u16),
    GoesAway(u8),
    Handle,
    SocketFails,
    PhoneLeaves,
    PhoneReturns,
    /// The proxy dies, and another takes the call over, with what is written down of tools; the last few words to the page
    /// never arrived.
    ProxyDies {
        lost: u8,
    },
}

fn fates() -> impl Strategy<Value = Fate> {
    let ids = || prop::collection::vec(0_u8..4, 0..3);
    let calls = prop::collection::vec((0_u8..5, 0_u8..FUNCTIONS.len() as u8, 0_u8..2), 1..4);
    prop_oneof![
        8 => (calls, ids()).prop_map(|(calls, cancels)| Fate::Calls { calls, cancels }),
        2 => ids().prop_map(Fate::Cancels),
        6 => any::<(u8, u8)>().prop_map(|(which, how)| Fate::Done { which, how }),
        4 => any::<(u8, bool)>().prop_map(|(which, will_continue)| Fate::PageResult { which, will_continue }),
        4 => any::<(u8, bool, bool)>()
            .prop_map(|(which, approved, wrong)| Fate::Confirms { which, approved, wrong }),
        2 => prop::sample::select(&[1006_u16, 1011, 1008, 1012]).prop_map(Fate::ServiceCloses),
        1 => (0_u8..12).prop_map(Fate::GoesAway),
        2 => Just(Fate::Handle),
        1 => Just(Fate::SocketFails),
        2 => Just(Fate::PhoneLeaves),
        2 => Just(Fate::PhoneReturns),
        1 => (0_u8..4).prop_map(|lost| Fate::ProxyDies { lost }),
    ]
}

const FUNCTIONS: [&str; 6] = ["reads", "slow", "sends", "page", "streams", "nobody"];

fn tools() -> Tools {
    let own = vec![
        tool("reads", false, 5, None),
        tool("slow", false, 90, Some(Behavior::NonBlocking)),
        tool("sends", true, 20, None),
    ];
    let page_names = ["page", "streams"].map(String::from).to_vec();
    Tools { own, page_names, page_deadline: Duration::from_secs(20) }
}

/// A relay, and what must be so about it.
struct Life {
    relay: Relay,
    now: Moment,
    wake: Option<Moment>,
    /// Whether the service's socket is there, and listens.
    is_open: bool,
    is_up: bool,
    fails: bool,
    /// Calls that the service wants answered: those with an id, and the number of those without.
    open: BTreeSet<String>,
    /// How often each id was given over this connection: none is given again, but over the next.
    given: BTreeMap<u8, usize>,
    nameless: usize,
    asked: usize,
    ends: Vec<ToolEnd>,
    /// Jobs that the shell was ever given.
    jobs: Vec<Job>,
    /// What the shell wrote down of those that it was not told to stop, by key, and until when that is kept.
    written: BTreeMap<String, (Begun, Moment)>,
    relays: u64,
    /// What the page was told, and the numbers of that.
    shown: Vec<(FromProxy, u32)>,
    /// What was written down of that, of each call the last.
    noted: BTreeMap<String, Shown>,
    has_phone: bool,
}

impl Life {
    fn new() -> Self {
        let mut life = Self {
            relay: Relay::new(RelayConfig { tools: tools(), ..relay_config() }),
            now: Moment::after_origin(Duration::from_secs(100)),
            wake: None,
            is_open: false,
            is_up: false,
            fails: false,
            open: BTreeSet::new(),
            given: BTreeMap::new(),
            nameless: 0,
            asked: 0,
            ends: Vec::new(),
            jobs: Vec::new(),
            written: BTreeMap::new(),
            relays: 1,
            shown: Vec::new(),
            noted: BTreeMap::new(),
            has_phone: false,
        };
        life.phone_enters(None);
        life
    }

    fn phone_enters(&mut self, resume: Option<Resume>) {
        let functions = Some(vivavoce_wire::Json::from(&json!([
            {"name": "page"}, {"name": "streams", "behavior": "NON_BLOCKING"}, {"name": "sends"}, {"name": "x"},
        ])));
        let hello = Hello { resumable: true, resume, functions, ..hello() };
        self.has_phone = true;
        self.hears(RelayInput::PhoneEnters { hello: Box::new(hello), secret: Some("s".into()) });
    }

    fn service_says(&mut self, message: &Value) {
        self.hears(RelayInput::of_service(message.to_string().as_bytes()).unwrap());
    }

    fn hears(&mut self, input: RelayInput) {
        self.relay.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            match self.relay.poll() {
                RelayOutput::Timeout(wake) => {
                    assert!(wake.is_none_or(|wake| wake > self.now), "asks for a moment that has passed");
                    self.wake = wake;
                    return;
                }
                RelayOutput::OpenService => {
                    (self.is_open, self.is_up) = (true, false);
                    self.lose();
                }
                RelayOutput::CloseService => {
                    (self.is_open, self.is_up) = (false, false);
                    self.lose();
                }
                RelayOutput::ToService(message) => self.check(&message),
                RelayOutput::CheckTool(job) => {
                    let is_odd = job.arguments.get("n") == Some(&json!(1)) && job.name == "reads";
                    let problem = is_odd.then(|| "n is odd".to_owned());
                    self.relay.handle(RelayInput::ToolChecked { key: job.key, problem }, self.now);
                }
                RelayOutput::RunTool(job) => {
                    assert_eq!(job.confirmed, job.name == "sends", "what has effects waits for the person");
                    let was_given = self.jobs.iter().any(|other| other.key == job.key);
                    assert_eq!(job.is_begun, was_given, "nothing is begun twice: {job:?}");
                    let begun = Begun { job: *job.clone(), outcome: None, remembered: Duration::ZERO };
                    self.written.insert(job.key.clone(), (begun, self.now + Duration::from_secs(150)));
                    self.jobs.push(*job);
                }
                RelayOutput::AbortTool { key } => {
                    assert!(self.jobs.iter().any(|job| job.key == key));
                    self.written.remove(&key);
                }
                RelayOutput::ToolEnds { how, .. } => self.ends.push(how),
                RelayOutput::ToPhone { message: message @ FromProxy::Tool { .. }, sequence } => {
                    self.shows(message, sequence.expect("the call may be taken up again"));
                }
                RelayOutput::ClosePhone { .. } => self.has_phone = false,
                _ => {}
            }
        }
        panic!("the relay never says Timeout");
    }

    fn shows(&mut self, message: FromProxy, sequence: u32) {
        if let Some(shown) = Shown::of(&message, Some(sequence)) {
            self.noted.insert(shown.id.clone(), shown);
        }
        self.shown.push((message, sequence));
    }

    /// The connection is gone: nothing that was asked over it may be answered.
    fn lose(&mut self) {
        self.open.clear();
        self.given.clear();
        self.nameless = 0;
    }

    fn check(&mut self, message: &ClientMessage) {
        let ClientMessage::ToolResponse(response) = message else { return };
        assert!(self.is_up, "nobody would hear it");
        for response in &response.function_responses {
            assert!(response.response.is_some(), "the service demands one");
            let is_wanted = match &response.id {
                Some(id) if response.is_last() => self.open.remove(id),
                Some(id) => self.open.contains(id),
                None if response.is_last() => {
                    let was = self.nameless;
                    self.nameless = was.saturating_sub(1);
                    was > 0
                }
                None => self.nameless > 0,
            };
            assert!(is_wanted, "nobody asked, or it was answered: {response:?}");
        }
    }

    /// The service's side of what is on its way comes to pass.
    fn connects(&mut self) {
        if self.is_open && !self.is_up {
            if core::mem::take(&mut self.fails) {
                return self.service_closes(1006);
            }
            self.hears(RelayInput::ServiceOpen);
            self.is_up = self.is_open;
            self.service_says(&json!({"setupComplete": {}}));
        }
    }

    fn service_closes(&mut self, code: u16) {
        (self.is_open, self.is_up) = (false, false);
        self.lose();
        self.hears(RelayInput::ServiceClosed { code, reason: String::new() });
    }

    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            self.connects();
            if self.has_phone {
                self.hears(RelayInput::PhoneAlive);
            }
            let Some(wake) = self.wake.filter(|wake| *wake <= end) else {
                self.now = end;
                return;
            };
            self.now = wake;
            self.hears(RelayInput::Timeout);
        }
        panic!("it wakes for ever");
    }

    fn befalls(&mut self, fate: Fate) {
        match fate {
            Fate::Calls { calls, cancels } if self.is_up => self.calls(&calls, &cancels),
            Fate::Cancels(ids) if self.is_up => {
                let ids: Vec<_> = ids.iter().map(|id| self.name_of(*id)).collect();
                self.open.retain(|id| !ids.contains(id));
                self.service_says(&json!({"toolCallCancellation": {"ids": ids}}));
            }
            Fate::ServiceCloses(code) if self.is_open => self.service_closes(code),
            Fate::GoesAway(seconds) if self.is_up => {
                self.service_says(&json!({"goAway": {"timeLeft": format!("{seconds}s")}}));
            }
            Fate::Handle if self.is_up => {
                let update = json!({"newHandle": "h", "resumable": true});
                self.service_says(&json!({"sessionResumptionUpdate": update}));
            }
            Fate::Calls { .. }
            | Fate::Cancels(_)
            | Fate::ServiceCloses(_)
            | Fate::GoesAway(_)
            | Fate::Handle => {}
            Fate::SocketFails => self.fails = true,
            Fate::Done { which, how } => {
                let Some(job) = self.jobs.get(which as usize % self.jobs.len().max(1)) else { return };
                let outcome = match how % 3 {
                    0 => ToolOutcome::Result(json!({"output": 1}).as_object().unwrap().clone()),
                    1 => ToolOutcome::Error("no".into()),
                    _ => ToolOutcome::Timeout("late".into()),
                };
                let key = job.key.clone();
                if let Some((begun, until)) = self.written.get_mut(&key) {
                    begun.outcome.get_or_insert(outcome.clone());
                    *until = self.now + TOOL_MEMORY;
                }
                self.hears(RelayInput::ToolDone { key, outcome });
            }
            Fate::PageResult { which, will_continue } if self.has_phone => {
                let Some(FromProxy::Tool { id, .. }) = self.pick(which, ToolState::Running) else { return };
                let result = vivavoce_wire::Json::from(&json!({"output": 1}));
                self.phone_says(&FromClient::ToolResult { id, result, will_continue });
            }
            Fate::Confirms { which, approved, wrong } if self.has_phone => {
                let Some(FromProxy::Tool { id, confirmation: Some(mut confirmation), .. }) =
                    self.pick(which, ToolState::Confirm)
                else {
                    return;
                };
                if wrong {
                    confirmation.push('0');
                }
                self.phone_says(&FromClient::ToolConfirm { id, confirmation, approved });
            }
            Fate::PageResult { .. } | Fate::Confirms { .. } => {}
            Fate::PhoneLeaves if self.has_phone => {
                self.has_phone = false;
                self.hears(RelayInput::PhoneClosed);
            }
            Fate::PhoneReturns if !self.has_phone => {
                self.phone_returns();
            }
            Fate::PhoneLeaves | Fate::PhoneReturns => {}
            Fate::ProxyDies { lost } => self.proxy_dies(lost),
        }
    }

    /// The phone takes the call up, and says what it has of it.
    fn phone_returns(&mut self) {
        let next = self.shown.last().map_or(0, |(_, sequence)| sequence + 1);
        self.phone_enters(Some(Resume { call: "call".into(), secret: "s".into(), next }));
    }

    fn proxy_dies(&mut self, lost: u8) {
        self.shown.truncate(self.shown.len().saturating_sub(lost.into()));
        // What it counted is gone with it.
        self.asked = self.ends.len();
        (self.is_open, self.is_up, self.fails) = (false, false, false);
        self.lose();
        self.relays += 1;
        self.written.retain(|_, (_, until)| *until > self.now);
        let begun = self.written.values().map(|(begun, until)| {
            let remembered = until.since(self.now);
            Begun { remembered, ..begun.clone() }
        });
        let shown = self.noted.values().cloned().collect();
        let earlier = Some(Earlier { begun: begun.collect(), shown, ..Earlier::default() });
        let config = RelayConfig { tools: tools(), seed: 1_000 + self.relays, earlier, ..relay_config() };
        self.relay = Relay::new(config);
        self.phone_returns();
    }

    fn calls(&mut self, calls: &[(u8, u8, u8)], cancels: &[u8]) {
        let mut function_calls = Vec::new();
        for (id, function, n) in calls {
            let mut call = json!({"name": FUNCTIONS[*function as usize], "args": {"n": n}});
            if *id == 4 {
                self.nameless += 1;
                self.asked += 1;
            } else {
                // An id that is open stands for one call.
                if !self.open.contains(&self.name_of(*id)) {
                    *self.given.entry(*id).or_default() += 1;
                    self.open.insert(self.name_of(*id));
                    self.asked += 1;
                }
                call["id"] = self.name_of(*id).into();
            }
            function_calls.push(call);
        }
        let cancels: Vec<_> = cancels.iter().map(|id| self.name_of(*id)).collect();
        self.open.retain(|id| !cancels.contains(id));
        self.service_says(&json!({
            "toolCall": {"functionCalls": function_calls}, "toolCallCancellation": {"ids": cancels},
        }));
    }

    fn phone_says(&mut self, message: &FromClient) {
        self.hears(RelayInput::PhoneText(message.encode()));
    }

    /// Something of this state that the page was ever shown, in force or not.
    fn pick(&self, which: u8, wanted: ToolState) -> Option<FromProxy> {
        let is_it =
            |message: &&FromProxy| matches!(message, FromProxy::Tool { state, .. } if *state == wanted);
        let all: Vec<_> = self.shown.iter().map(|(message, _)| message).filter(is_it).collect();
        // The newest are the likeliest.
        all.iter().rev().nth(which as usize % all.len().max(1)).map(|message| (*message).clone())
    }

    fn name_of(&self, id: u8) -> String {
        format!("call_{id}_{}", self.given.get(&id).copied().unwrap_or_default())
    }

    /// Nothing of a call is told to the page after its end; and if the page `hears` everything, there is one.
    fn check_shown(&self, hears: bool) {
        let mut last = BTreeMap::new();
        for (message, _) in &self.shown {
            let FromProxy::Tool { id, state, .. } = message else { continue };
            let before = last.insert(id, *state);
            assert!(before.is_none_or(|before| !before.is_end()), "{id} is {state:?} after {before:?}");
        }
        let open = last.iter().find(|(_, state)| !state.is_end());
        assert!(!hears || open.is_none(), "the page waits for {open:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn each_call_comes_to_one_end(steps in prop::collection::vec((fates(), 0_u64..9_000), 0..60)) {
        let mut life = Life::new();
        life.passes(Duration::from_millis(100));
        for (fate, wait_ms) in steps {
            life.befalls(fate);
            life.passes(Duration::from_millis(wait_ms));
        }
        let is_over = life.relay.is_over();
        if !is_over && !life.has_phone {
            life.phone_returns();
        }
        // The longest of them: a minute to allow it, and its own time.
        life.passes(Duration::from_secs(160));
        prop_assert!(life.open.is_empty() && life.nameless == 0, "unanswered: {:?}", life.open);
        prop_assert_eq!(life.ends.len(), life.asked);
        life.check_shown(!is_over && !life.relay.is_over());
    }
}
