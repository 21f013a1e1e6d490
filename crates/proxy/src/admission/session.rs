//! `POST /v1/session`: whoever is vouched for gets a ticket for a call.

use super::refresh::{self, Pass};
use super::ticket::Ticket;
use super::{Admission, Caller, Refusal, User, issuer, now};
use crate::call::call_id;
use crate::config::Limits;
use crate::depth;
use crate::entry::{hash, random};
use crate::house::House;
use crate::routes::{caller, refuse};
use crate::store::Away;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::time::timeout;
use vivavoce_wire::{Code, Trouble};

/// What a caller shows; one thing at most.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    init_data: Option<String>,
    jwt: Option<String>,
    refresh: Option<String>,
}

/// What a caller shows.
enum Showing {
    InitData(String),
    Jwt(String),
    Refresh(String),
    Nothing,
}

/// What a caller gets.
#[derive(Serialize)]
struct Answer {
    ticket: String,
    /// The socket that it opens.
    url: String,
    /// Seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_in: Option<u64>,
}

/// Whom a showing vouches for.
struct Vouched {
    user: User,
    native: bool,
    /// By what they may come again; none: not without being vouched for.
    pass: Option<Pass>,
    /// What else than the user must not come too often: the hash of a signed text.
    text: Option<String>,
}

/// Why there is no ticket.
enum No {
    Refused(Refusal),
    /// The request is none of ours.
    Misunderstood(StatusCode, Trouble),
    Away(Away),
}

/// Answers a page's question whether it may send what it is about to.
pub(crate) async fn preflight(State(house): State<Arc<House>>, request: Request) -> Response {
    let caller = caller(&request);
    if let Err(refusal) = house.rules().admission.check_origin(&caller) {
        return say(&house, &No::Refused(refusal));
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    open_to(response, &caller)
}

/// Gives a ticket, or says why not.
pub(crate) async fn post(State(house): State<Arc<House>>, request: Request) -> Response {
    let caller = caller(&request);
    if let Err(refusal) = house.rules().admission.check_origin(&caller) {
        return say(&house, &No::Refused(refusal));
    }
    let response = match grant(&house, &caller, request.into_body()).await {
        Ok(answer) => {
            house.metrics.sessions.inc();
            created(&answer)
        }
        Err(no) => say(&house, &no),
    };
    open_to(response, &caller)
}

/// Answers what is neither.
pub(crate) async fn other(State(house): State<Arc<House>>) -> Response {
    house.metrics.refuse(Code::BadMessage.name());
    let sentence = "Sessions are asked for by POST.";
    let trouble = Trouble::misunderstood(Code::BadMessage, sentence);
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &trouble);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response
}

async fn grant(house: &House, caller: &Caller, body: Body) -> Result<Answer, No> {
    let (rules, store, now) = (house.rules(), &*house.store, now());
    let admission = &rules.admission;
    let showing = read(body, rules.limits()).await?;
    let vouched = match &showing {
        Showing::Refresh(secret) => {
            let pass = refresh::find(store, secret, now).await?.ok_or(Refusal::Unrefreshed)?;
            admission.of_pass(pass)?
        }
        Showing::InitData(raw) => admission.of_telegram(raw, now)?,
        Showing::Jwt(token) => admission.of_issuer(token, now)?,
        Showing::Nothing => admission.of_nothing(caller)?,
    };
    count(house, admission.most_a_minute, &vouched).await?;
    let answer = issue(house, admission, caller, vouched, now).await?;
    if let Showing::Refresh(secret) = &showing {
        // Last of all, so that whatever goes wrong before leaves the caller with a secret that works.
        refresh::retire(store, secret, now).await?;
    }
    Ok(answer)
}

impl Admission {
    fn of_telegram(&self, raw: &str, now: u64) -> Result<Vouched, Refusal> {
        let opening = self.telegram.judge(raw, now)?;
        let user = User::of_telegram(opening.bot, opening.user);
        let pass = self.telegram.voucher(opening.bot).zip(random()).map(|(voucher, opening)| {
            let until = now + self.refresh_lasts.as_secs();
            Pass { user: user.clone(), until, opening, voucher }
        });
        Ok(Vouched { user, native: false, pass, text: Some(opening.hash) })
    }

    fn of_issuer(&self, token: &str, now: u64) -> Result<Vouched, Refusal> {
        let issuer::Vouched { user, native } = issuer::judge(&self.issuers, token, now)?;
        Ok(Vouched { user, native, pass: None, text: None })
    }

    fn of_pass(&self, pass: Pass) -> Result<Vouched, Refusal> {
        let bot = pass.user.bot().and_then(|bot| self.telegram.voucher(bot));
        if bot.is_none_or(|voucher| voucher != pass.voucher) {
            return Err(Refusal::Foreign);
        }
        Ok(Vouched { user: pass.user.clone(), native: false, pass: Some(pass), text: None })
    }

    fn of_nothing(&self, caller: &Caller) -> Result<Vouched, Refusal> {
        if !self.lets_in(caller) {
            return Err(Refusal::NothingShown);
        }
        Ok(Vouched { user: User::local(), native: caller.origin().is_none(), pass: None, text: None })
    }

    /// A ticket for a call that has yet to begin; none if this machine has no randomness.
    pub(crate) fn ticket(&self, user: User, native: bool, now: u64) -> Option<String> {
        let until = now + self.ticket_lasts.as_secs();
        self.mint.sign(&Ticket { user, call: call_id(), id: random()?, native, from: now, until })
    }
}

/// Reads what a caller shows, as far as it is read.
async fn read(body: Body, limits: &Limits) -> Result<Showing, No> {
    let too_large = || {
        let detail = format!("a session is asked for with at most {MOST_BODY_BYTES} bytes");
        No::Misunderstood(StatusCode::PAYLOAD_TOO_LARGE, Trouble::misunderstood(Code::TooLarge, detail))
    };
    let Ok(bytes) = timeout(limits.body_deadline, to_bytes(body, MOST_BODY_BYTES)).await else {
        let trouble =
            Trouble::new(Code::BadMessage, "The question for a session did not come in time: try again.");
        return Err(No::Misunderstood(StatusCode::REQUEST_TIMEOUT, trouble));
    };
    let bytes = bytes.map_err(|_| too_large())?;
    let unread = |detail: String| {
        No::Misunderstood(StatusCode::BAD_REQUEST, Trouble::misunderstood(Code::BadMessage, detail))
    };
    if let Some(trouble) = depth::objection(&bytes, limits.json_depth) {
        return Err(No::Misunderstood(StatusCode::BAD_REQUEST, trouble));
    }
    let body: Shown = serde_json::from_slice(&bytes).map_err(|error| unread(error.to_string()))?;
    match (body.init_data, body.jwt, body.refresh) {
        (Some(raw), None, None) => Ok(Showing::InitData(raw)),
        (None, Some(token), None) => Ok(Showing::Jwt(token)),
        (None, None, Some(secret)) => Ok(Showing::Refresh(secret)),
        (None, None, None) => Ok(Showing::Nothing),
        _ => Err(unread("expected one of init_data, jwt and refresh; found several".to_owned())),
    }
}

/// Takes one of a minute's places for the user, and for the text that was signed for them.
async fn count(house: &House, most: u32, vouched: &Vouched) -> Result<(), No> {
    let attempt = random().ok_or_else(powerless)?;
    let user = format!("sessions:{}", hash(&vouched.user.name()));
    let text = vouched.text.as_ref().map(|text| format!("sessions:{}", hash(text)));
    for room in [Some(user), text].into_iter().flatten() {
        if !house.store.enter(&room, &attempt, most, MINUTE).await? {
            return Err(No::Refused(Refusal::TooOften));
        }
    }
    Ok(())
}

async fn issue(
    house: &House,
    admission: &Admission,
    caller: &Caller,
    vouched: Vouched,
    now: u64,
) -> Result<Answer, No> {
    let Some(url) = admission.public_url.clone().or_else(|| caller.socket_url()) else {
        let trouble = Trouble::misunderstood(Code::BadMessage, "the header Host names no host");
        return Err(No::Misunderstood(StatusCode::BAD_REQUEST, trouble));
    };
    let ticket = admission.ticket(vouched.user.clone(), vouched.native, now).ok_or_else(powerless)?;
    let mut answer = Answer {
        ticket,
        url,
        expires_in: admission.ticket_lasts.as_secs(),
        refresh: None,
        refresh_expires_in: None,
    };
    if let Some(pass) = vouched.pass {
        answer.refresh = refresh::issue(&*house.store, &pass, now).await?;
        answer.refresh_expires_in = answer.refresh.as_ref().map(|_| pass.until.saturating_sub(now));
    }
    Ok(answer)
}

fn created(answer: &Answer) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(answer) {
        Ok(json) => (StatusCode::CREATED, headers, json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Says why not, and counts it.
fn say(house: &House, no: &No) -> Response {
    let (status, trouble) = match no {
        No::Refused(refusal) => {
            house.metrics.refuse(refusal.reason());
            let trouble = refusal.trouble();
            (status(trouble.code), trouble)
        }
        No::Misunderstood(status, trouble) => {
            house.metrics.refuse(trouble.code.name());
            (*status, trouble.clone())
        }
        No::Away(away) => {
            house.metrics.registry_failures.inc();
            tracing::warn!(%away, "the registry is away: no session was given");
            let sentence = "The proxy can't let anybody in at the moment, for it can't reach its registry: try again \
                            in a moment.";
            (StatusCode::SERVICE_UNAVAILABLE, Trouble::new(Code::Unavailable, sentence).retry_after_ms(2_000))
        }
    };
    let mut response = refuse(status, &trouble);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(wait_ms) = trouble.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1_000)));
    }
    response
}

const fn status(code: Code) -> StatusCode {
    match code {
        Code::NotAllowed => StatusCode::FORBIDDEN,
        Code::Limited => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNAUTHORIZED,
    }
}

/// Lets the page that asked read the answer. Its origin was judged before.
fn open_to(mut response: Response, caller: &Caller) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = caller.origin().and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

fn powerless() -> No {
    let trouble =
        Trouble::new(Code::Internal, "The proxy's machine gives it no randomness: tell whoever runs it.");
    No::Misunderstood(StatusCode::INTERNAL_SERVER_ERROR, trouble)
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Away> for No {
    fn from(away: Away) -> Self {
        Self::Away(away)
    }
}

/// Init data is about 1 kB long, and a JWT seldom longer than 4.
const MOST_BODY_BYTES: usize = 16 * 1024;
const MINUTE: Duration = Duration::from_secs(60);
