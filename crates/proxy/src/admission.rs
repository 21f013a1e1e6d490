//! Who may call.
//!
//! - [`session`]: `POST /v1/session`, where whoever is vouched for gets a ticket;
//! - [`init_data`], [`issuer`], [`refresh`]: who vouches: Telegram, another issuer, or we ourselves, some hours ago;
//! - [`ticket`], [`jws`]: what opens a call, and how claims are signed;
//! - [`caller`], [`refusal`]: what a request says of its sender, and why somebody is not let in.
//!
//! All that is decided here takes the time as an argument. What may be used once is kept by the registry.

pub(crate) mod caller;
pub(crate) mod init_data;
pub(crate) mod issuer;
pub(crate) mod jws;
pub(crate) mod opening;
pub(crate) mod refresh;
pub(crate) mod refusal;
pub(crate) mod session;
pub(crate) mod ticket;

pub(crate) use caller::Caller;
pub(crate) use refusal::Refusal;

use core::time::Duration;
use init_data::Telegram;
use issuer::Issuer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use ticket::{Mint, Ticket};
use vivavoce_wire::message::Hello;

/// What decides who may call.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Pages of other origins that may call.
    origins: Vec<String>,
    /// Where calls go, if callers know the proxy by another name.
    public_url: Option<String>,
    /// Whether this machine needs no ticket.
    lets_in_local: bool,
    /// Whether anybody else can have one.
    is_configured: bool,
    telegram: Telegram,
    issuers: Vec<Issuer>,
    mint: Arc<Mint>,
    /// How long a ticket opens its call, and how long one who was let in comes again.
    ticket_lasts: Duration,
    refresh_lasts: Duration,
    /// Tickets for one user in a minute.
    most_a_minute: u32,
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    /// Who vouches for them: `telegram:` and a bot's id, an issuer, `shell` or `local`. Holds no space.
    pub(crate) by: String,
    /// Their name there.
    pub(crate) id: String,
}

/// What lets a caller in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// They call from this machine.
    Local,
    /// A ticket. It is still to be used, unless they take a call up again.
    Ticket(Ticket),
    /// Another proxy saw to who they are; the secret of their call does the rest.
    Secret,
}

impl Admission {
    /// Whether anybody but this machine can be let in.
    pub(crate) const fn is_configured(&self) -> bool {
        self.is_configured
    }

    /// Signs with the keys of `other`, and believes them: where the environment names none, each has its own.
    pub(crate) fn signs_as(&mut self, other: &Self) {
        self.mint = Arc::clone(&other.mint);
    }

    /// Judges the page from which a browser calls; other programs name none.
    pub(crate) fn check_origin(&self, caller: &Caller) -> Result<(), Refusal> {
        let Some(origin) = caller.origin() else { return Ok(()) };
        if self.origins.iter().any(|listed| listed == origin) || caller.is_own_page(origin) {
            return Ok(());
        }
        Err(Refusal::Origin)
    }

    /// Judges one who said hello at `now`, in seconds since 1970.
    ///
    /// One who takes a call up again may show the ticket that they came with, old and used as it is: it says who they are, and
    /// the call's secret does the rest.
    pub(crate) fn admit(&self, hello: &Hello, caller: &Caller, now: u64) -> Result<Pass, Refusal> {
        let Some(text) = &hello.ticket else {
            return if self.lets_in(caller) { Ok(Pass::Local) } else { Err(Refusal::NothingShown) };
        };
        let ticket = self.mint.read(text)?;
        if !self.knows(&ticket.user) {
            return Err(Refusal::Foreign);
        }
        if hello.resume.is_none() {
            ticket.judge(now)?;
        }
        if caller.origin().is_none() && !ticket.native {
            return Err(Refusal::NotNative);
        }
        Ok(Pass::Ticket(ticket))
    }

    /// Whether a caller needs no ticket.
    fn lets_in(&self, caller: &Caller) -> bool {
        self.lets_in_local && caller.is_local()
    }

    /// Whether those who vouch for a user are still trusted.
    fn knows(&self, user: &User) -> bool {
        match user.by.as_str() {
            SHELL => true,
            LOCAL => self.lets_in_local,
            by => match user.bot() {
                Some(bot) => self.telegram.bots.iter().any(|known| known.id == bot),
                None => self.issuers.iter().any(|issuer| issuer.name == by),
            },
        }
    }
}

impl User {
    /// Somebody on this machine.
    pub(crate) fn local() -> Self {
        Self { by: LOCAL.to_owned(), id: "this machine".to_owned() }
    }

    /// Who opened a bot's Mini App.
    pub(crate) fn of_telegram(bot: u64, user: u64) -> Self {
        Self { by: format!("{TELEGRAM}{bot}"), id: user.to_string() }
    }

    /// The bot that vouches for them, if one does.
    fn bot(&self) -> Option<u64> {
        self.by.strip_prefix(TELEGRAM)?.parse().ok()
    }

    /// One for whom whoever has the signing key vouches.
    pub(crate) fn of_shell(id: &str) -> Self {
        Self { by: SHELL.to_owned(), id: id.to_owned() }
    }

    /// By which they are told from everybody else.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.by, self.id)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Names of those who vouch; an issuer's must be none of these.
pub(crate) const SHELL: &str = "shell";
pub(crate) const LOCAL: &str = "local";
pub(crate) const TELEGRAM: &str = "telegram:";

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::caller::tests::caller;
    use super::*;
    use crate::config::Admitted;
    use crate::environment::Environment;
    use vivavoce_wire::message::{CodecName, Mode, Resume, Uplink, Upstream};

    const NOW: u64 = 1_000;

    #[test]
    fn lets_in_this_machine_and_nobody_else() {
        for (peer, headers, admitted) in [
            ("127.0.0.1", vec![("host", "127.0.0.1:8003")], true),
            ("127.0.0.1", vec![("host", "localhost")], true),
            ("::1", vec![("host", "[::1]:8003")], true),
            ("::ffff:127.0.0.1", vec![("host", "LOCALHOST:8003")], true),
            ("127.0.0.1", vec![], false),
            ("127.0.0.1", vec![("host", "evil.example")], false),
            ("127.0.0.1", vec![("host", "127.0.0.1.evil.example")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-forwarded-for", "127.0.0.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("forwarded", "for=127.0.0.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("via", "1.1 proxy")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-real-ip", "203.0.113.9")], false),
            ("192.168.1.7", vec![("host", "localhost")], false),
        ] {
            let verdict =
                open(Upstream::Gemini, &[]).admit(&hello(None, false), &caller(peer, &headers), NOW);
            assert_eq!(verdict.is_ok(), admitted, "{peer} {headers:?}");
        }
    }

    #[test]
    fn this_machine_needs_a_ticket_where_a_key_pays_and_tickets_are_to_be_had() {
        let here = caller("127.0.0.1", &[("host", "localhost")]);
        for (upstream, tokens, local, admitted) in [
            (Upstream::Simulator, vec![], None, true),
            (Upstream::Gemini, vec![], None, true),
            (Upstream::Simulator, vec![TOKEN], None, true),
            (Upstream::Gemini, vec![TOKEN], None, false),
            (Upstream::Gemini, vec![TOKEN], Some(true), true),
            (Upstream::Simulator, vec![], Some(false), false),
        ] {
            let settings = Admitted { local, ..Admitted::default() };
            let admission = Admission::open(&settings, &environment(&tokens), upstream).unwrap();
            let verdict = admission.admit(&hello(None, false), &here, NOW);
            assert_eq!(verdict.is_ok(), admitted, "{upstream:?} {} {local:?}", tokens.len());
        }
    }

    #[test]
    fn lets_its_own_page_call_and_those_listed() {
        for (origin, allowed) in [
            (None, true),
            (Some("http://localhost:8003"), true),
            (Some("http://LOCALHOST:8003"), true),
            (Some("https://listed.example"), true),
            (Some("http://listed.example"), false),
            (Some("http://localhost:8004"), false),
            (Some("https://evil.example"), false),
            (Some("null"), false),
        ] {
            let mut headers = vec![("host", "localhost:8003")];
            headers.extend(origin.map(|origin| ("origin", origin)));
            let verdict = open(Upstream::Simulator, &[]).check_origin(&caller("127.0.0.1", &headers));
            assert_eq!(verdict.is_ok(), allowed, "{origin:?}");
        }
    }

    #[test]
    fn a_ticket_lets_in_from_anywhere_but_programs_need_one_of_their_own() {
        let admission = open(Upstream::Gemini, &[TOKEN]);
        let page = caller("203.0.113.9", &[("host", "v.example"), ("origin", "https://listed.example")]);
        let program = caller("203.0.113.9", &[("host", "v.example")]);
        for (native, caller, verdict) in [
            (false, &page, Ok(())),
            (true, &page, Ok(())),
            (true, &program, Ok(())),
            (false, &program, Err(Refusal::NotNative)),
        ] {
            let ticket = Ticket { native, ..ticket() };
            let text = admission.mint.sign(&ticket);
            let verdict_found = admission.admit(&hello(text, false), caller, NOW);
            assert_eq!(verdict_found, verdict.map(|()| Pass::Ticket(ticket)), "{native} {caller:?}");
        }
    }

    #[test]
    fn a_ticket_that_is_not_good_lets_in_nobody_not_even_this_machine() {
        let admission = open(Upstream::Simulator, &[TOKEN]);
        let here = caller("127.0.0.1", &[("host", "localhost"), ("origin", "http://localhost")]);
        let of = |by: &str| Ticket { user: User { by: by.into(), id: "7".into() }, ..ticket() };
        for (ticket, refusal) in [
            (Ticket { until: NOW - 60, ..ticket() }, Refusal::Stale),
            (Ticket { from: NOW + 60, ..ticket() }, Refusal::Future),
            (of("telegram:43"), Refusal::Foreign),
            (of("https://id.example.org"), Refusal::Foreign),
        ] {
            let text = admission.mint.sign(&ticket);
            assert_eq!(admission.admit(&hello(text, false), &here, NOW), Err(refusal), "{ticket:?}");
        }
        let other = open(Upstream::Simulator, &[TOKEN]);
        let forged = other.mint.sign(&ticket());
        assert_eq!(admission.admit(&hello(forged, false), &here, NOW), Err(Refusal::Forged));
        assert_eq!(
            admission.admit(&hello(Some("hello".into()), false), &here, NOW),
            Err(Refusal::Unreadable)
        );
    }

    #[test]
    fn a_call_is_taken_up_again_by_its_secret_and_an_old_ticket_says_whose_it_is() {
        let admission = open(Upstream::Gemini, &[TOKEN]);
        let page = caller("203.0.113.9", &[("host", "v.example"), ("origin", "https://listed.example")]);
        let program = caller("203.0.113.9", &[("host", "v.example")]);
        let old = Ticket { until: NOW - 60, ..ticket() };
        let text = admission.mint.sign(&old);
        assert_eq!(admission.admit(&hello(text.clone(), true), &page, NOW), Ok(Pass::Ticket(old)));
        assert_eq!(admission.admit(&hello(text, true), &program, NOW), Err(Refusal::NotNative));
        for caller in [&page, &program] {
            assert_eq!(admission.admit(&hello(None, true), caller, NOW), Err(Refusal::NothingShown));
        }
        let forged = admission.admit(&hello(Some("x".into()), true), &page, NOW);
        assert_eq!(forged, Err(Refusal::Unreadable));
    }

    #[test]
    fn no_two_users_have_one_name() {
        let [a, b] = [("a b", "c"), ("a", "b c")].map(|(by, id)| User { by: by.into(), id: id.into() });
        assert_eq!(a.name(), b.name(), "which is why nobody who vouches may have a space in their name");
        assert_ne!(User::of_telegram(1, 2).name(), User::of_telegram(2, 2).name());
    }

    const TOKEN: &str = "42:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8";

    fn environment(tokens: &[&str]) -> Environment {
        let bot_tokens = tokens.iter().map(|&token| token.to_owned()).collect();
        Environment { bot_tokens, ..Environment::default() }
    }

    fn open(upstream: Upstream, tokens: &[&str]) -> Admission {
        let origins = vec!["https://listed.example".to_owned()];
        let settings = Admitted { origins, ..Admitted::default() };
        Admission::open(&settings, &environment(tokens), upstream).unwrap()
    }

    fn ticket() -> Ticket {
        let (call, id) = ("0123456789ab".to_owned(), "j".to_owned());
        Ticket { user: User::of_telegram(42, 7), call, id, native: false, from: NOW, until: NOW + 60 }
    }

    fn hello(ticket: Option<String>, resumes: bool) -> Hello {
        let audio = Uplink { rate_hz: 16_000, codec: CodecName::Pcm };
        let resume = resumes.then(|| Resume { call: "c".into(), secret: "s".into(), next: 0 });
        Hello {
            audio,
            ticket,
            client: None,
            greeting: true,
            mode: Mode::Open,
            resumable: false,
            resume,
            continues: false,
            functions: None,
        }
    }
}
