//! What a user may use in a day: minutes of calls, and money by the service's count of tokens.

use crate::entry::random;
use crate::store::{Away, Slip, Store};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use vivavoce_gemini::{Modality, ModalityTokenCount, ServerContent, UsageMetadata};
use vivavoce_session::RelayInput;
use vivavoce_wire::{Code, MODEL_RATE_HZ, Trouble};

/// What a user may use from one midnight to the next, by UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Daily {
    /// Time in calls; none: any.
    pub time: Option<Duration>,
    /// Money, in millionths of a dollar or of whatever [`Prices`] are in; none: any.
    pub micros: Option<u64>,
}

/// What the service takes for a million tokens, in one currency: text and all else (sound, pictures), in and out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Text that the model takes in.
    pub text_in: f64,
    /// Sound and pictures that the model takes in.
    pub audio_in: f64,
    /// Text that the model gives, its thoughts among it.
    pub text_out: f64,
    /// Sound that the model gives.
    pub audio_out: f64,
}

impl Prices {
    /// The cost of what the service says was used, in millionths. A count without forms is taken for sound, which costs more.
    pub(crate) fn micros(&self, usage: &UsageMetadata) -> u64 {
        let taken =
            Self::sum(&usage.prompt_tokens_details, usage.prompt_token_count, (self.text_in, self.audio_in));
        let tools = Self::sum(
            &usage.tool_use_prompt_tokens_details,
            usage.tool_use_prompt_token_count,
            (self.text_in, self.audio_in),
        );
        let given =
            Self::sum(usage.response_details(), usage.response_tokens(), (self.text_out, self.audio_out));
        let thought = tokens(usage.thoughts_token_count) * self.text_out;
        // Dollars for a million are millionths for one.
        (taken + tools + given + thought).round() as u64
    }

    /// The cost of so many bytes of the model's sound, in millionths.
    fn sound_micros(&self, bytes: u64) -> u64 {
        let seconds = bytes as f64 / f64::from(MODEL_RATE_HZ * 2);
        (seconds * SOUND_TOKENS_A_SECOND * self.audio_out).round() as u64
    }

    fn sum(details: &[ModalityTokenCount], all: Option<i32>, (text, audio): (f64, f64)) -> f64 {
        if details.is_empty() {
            return tokens(all) * audio;
        }
        let of = |count: &ModalityTokenCount| {
            let price = if count.modality == Some(Modality::Text) { text } else { audio };
            tokens(count.token_count) * price
        };
        details.iter().map(of).sum()
    }
}

fn tokens(count: Option<i32>) -> f64 {
    count.unwrap_or_default().max(0).into()
}

/// What one call uses of its user's day.
#[derive(Debug)]
pub(crate) struct Budget {
    store: Arc<dyn Store>,
    /// A hash of the user's name.
    user: String,
    daily: Daily,
    /// Names this call on the accounts.
    writer: String,
    ledger: Mutex<Ledger>,
}

/// What is on no account, as far as this call knows.
#[derive(Debug, Default)]
struct Ledger {
    owed: Owed,
    /// A sum that may or may not have arrived: it is said again under the same number until that is known.
    under_way: Option<Owed>,
    /// The number of that sum, or of the last.
    number: u64,
    /// Bytes of the model's sound that the service has not counted yet.
    uncounted_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Owed {
    ms: u64,
    micros: u64,
}

impl Budget {
    /// That of a call of this user, if there are bounds at all.
    pub(crate) fn of(store: &Arc<dyn Store>, user: &str, daily: Daily) -> Option<Self> {
        let is_bounded = daily.time.is_some() || daily.micros.is_some();
        let (store, user) = (Arc::clone(store), user.to_owned());
        // Without randomness two calls of a user might share a name, and one go unpaid.
        is_bounded.then(|| Self {
            store,
            user,
            daily,
            writer: random().unwrap_or_default(),
            ledger: Mutex::default(),
        })
    }

    /// The call went on for so long.
    pub(crate) fn lasts(&self, time: Duration) {
        self.ledger().owed.ms += u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    }

    /// Takes in what the service says: its counts, and sound that is yet to be counted.
    pub(crate) fn hears(&self, said: &RelayInput, prices: &Prices) {
        let bytes = match said {
            RelayInput::Voice(pcm) => pcm.len(),
            RelayInput::Service(message) => {
                let content = message.server_content.iter();
                content.flat_map(ServerContent::audio).map(|blob| blob.data.len()).sum()
            }
            _ => 0,
        };
        let mut ledger = self.ledger();
        ledger.uncounted_bytes += bytes as u64;
        // The count of a piece comes again in that of its turn.
        if let RelayInput::Service(message) = said
            && let Some(usage) =
                message.usage_metadata.as_ref().filter(|usage| usage.prompt_token_count.is_some())
        {
            ledger.owed.micros += prices.micros(usage);
            ledger.uncounted_bytes = 0;
        }
    }

    /// The service says no more over this connection: what it had not counted costs what its sound does, for it counts a turn only when
    /// that is over, which whoever hangs up before does not hear.
    pub(crate) fn breaks_off(&self, prices: &Prices) {
        let mut ledger = self.ledger();
        let bytes = core::mem::take(&mut ledger.uncounted_bytes);
        ledger.owed.micros += prices.sound_micros(bytes);
    }

    /// Puts on the accounts what is owed; says why the user may use no more today, if so.
    ///
    /// # Errors
    /// The registry is away; what is owed is put there later.
    pub(crate) async fn settle(&self, now: SystemTime) -> Result<Option<Trouble>, Away> {
        let today = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_S;
        let account = |of: &str| format!("{of}:{today}:{}", self.user);
        let (ms, micros) = loop {
            let (number, owed) = self.ledger().send();
            let totals = self.add(&account, number, owed).await?;
            let mut ledger = self.ledger();
            ledger.under_way = None;
            if ledger.owed == Owed::default() {
                break totals;
            }
        };
        let is_out_of_time = self.daily.time.is_some_and(|most| u128::from(ms) >= most.as_millis());
        let is_out_of_money = self.daily.micros.is_some_and(|most| micros >= most);
        if !is_out_of_time && !is_out_of_money {
            return Ok(None);
        }
        let sentence = if is_out_of_time {
            "You have talked for as long as this proxy allows in a day: come back tomorrow."
        } else {
            "Your calls have cost as much as this proxy allows in a day: come back tomorrow."
        };
        let midnight = UNIX_EPOCH + Duration::from_secs((today + 1) * DAY_S);
        let left = midnight.duration_since(now).unwrap_or_default();
        let left_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        Ok(Some(Trouble::new(Code::Limited, sentence).retry_after_ms(left_ms.into())))
    }

    async fn add(
        &self,
        account: &impl Fn(&str) -> String,
        number: u64,
        owed: Owed,
    ) -> Result<(u64, u64), Away> {
        let (time, money) = (account("time"), account("money"));
        let slip = |sum| Slip { writer: &self.writer, number, sum };
        let ms = self.store.add(&time, slip(owed.ms), KEPT);
        let micros = self.store.add(&money, slip(owed.micros), KEPT);
        tokio::try_join!(ms, micros)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// The sum that goes to the accounts next, and its number.
    fn send(&mut self) -> (u64, Owed) {
        let owed = *self.under_way.get_or_insert_with(|| {
            self.number += 1;
            core::mem::take(&mut self.owed)
        });
        (self.number, owed)
    }
}

const DAY_S: u64 = 24 * 60 * 60;
/// As Gemini counts sound (<https://ai.google.dev/gemini-api/docs/live-api/best-practices>).
const SOUND_TOKENS_A_SECOND: f64 = 25.0;
/// A day's accounts are needed on that day, which is over by then on every clock.
const KEPT: Duration = Duration::from_secs(2 * DAY_S);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    const PRICES: Prices = Prices { text_in: 0.5, audio_in: 3.0, text_out: 2.0, audio_out: 12.0 };

    #[test]
    fn what_is_used_costs_by_its_form() {
        let usage = |json: serde_json::Value| serde_json::from_value::<UsageMetadata>(json).unwrap();
        let turn = usage(serde_json::json!({
            "promptTokenCount": 411, "responseTokenCount": 58, "thoughtsTokenCount": 10, "totalTokenCount": 479,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 311}, {"modality": "AUDIO", "tokenCount": 100},
            ],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 58}],
        }));
        assert_eq!(PRICES.micros(&turn), (155.5_f64 + 300.0 + 696.0 + 20.0).round() as u64);
        let unformed = usage(serde_json::json!({"promptTokenCount": 100, "candidatesTokenCount": 10}));
        assert_eq!(PRICES.micros(&unformed), 300 + 120);
        let absurd = usage(serde_json::json!({"promptTokenCount": -5}));
        assert_eq!(PRICES.micros(&absurd), 0);
    }

    #[tokio::test]
    async fn a_day_s_time_is_used_up_by_all_calls_of_a_user_and_is_there_again_tomorrow() {
        let store: Arc<dyn Store> = Arc::new(Memory::new(Duration::from_secs(1)));
        let daily = Daily { time: Some(Duration::from_secs(60)), micros: None };
        let one = Budget::of(&store, "u", daily).unwrap();
        let two = Budget::of(&store, "u", daily).unwrap();
        let other = Budget::of(&store, "v", daily).unwrap();
        let noon = UNIX_EPOCH + Duration::from_secs(20_000 * DAY_S + DAY_S / 2);
        one.lasts(Duration::from_secs(30));
        two.lasts(Duration::from_millis(29_999));
        assert_eq!(one.settle(noon).await, Ok(None));
        assert_eq!(two.settle(noon).await, Ok(None));
        two.lasts(Duration::from_millis(1));
        let trouble = two.settle(noon).await.unwrap().unwrap();
        assert_eq!((trouble.code, trouble.retry_after_ms), (Code::Limited, Some(12 * 60 * 60 * 1000)));
        assert!(trouble.message.contains("come back tomorrow"));
        assert!(one.settle(noon).await.unwrap().is_some());
        assert_eq!(other.settle(noon).await, Ok(None));
        assert_eq!(one.settle(noon + Duration::from_secs(DAY_S)).await, Ok(None));
    }

    #[tokio::test]
    async fn a_day_s_money_is_used_up_too() {
        let store: Arc<dyn Store> = Arc::new(Memory::new(Duration::from_secs(1)));
        let daily = Daily { time: None, micros: Some(1_000) };
        let budget = Budget::of(&store, "u", daily).unwrap();
        budget.hears(&counted(333), &PRICES);
        budget.lasts(Duration::from_secs(100_000));
        assert_eq!(budget.settle(UNIX_EPOCH).await, Ok(None));
        budget.hears(&counted(1), &PRICES);
        assert!(budget.settle(UNIX_EPOCH).await.unwrap().unwrap().message.contains("cost"));
        assert!(Budget::of(&store, "u", Daily::default()).is_none());
    }

    #[tokio::test]
    async fn who_hangs_up_before_the_service_counts_pays_for_what_it_said() {
        let store: Arc<dyn Store> = Arc::new(Memory::new(Duration::from_secs(1)));
        let daily = Daily { time: None, micros: Some(u64::MAX) };
        let total = async |budget: &Budget| {
            budget.settle(UNIX_EPOCH).await.unwrap();
            let nothing = Slip { writer: "reader", number: 0, sum: 0 };
            store.add("money:0:u", nothing, KEPT).await.unwrap()
        };
        let budget = Budget::of(&store, "u", daily).unwrap();
        let second = || RelayInput::Voice(vec![0; 48_000].into());
        // A piece's count comes again with its turn's.
        let piece = RelayInput::of_service(br#"{"usageMetadata":{"responseTokenCount":25}}"#).unwrap();
        budget.hears(&second(), &PRICES);
        budget.hears(&piece, &PRICES);
        assert_eq!(total(&budget).await, 0, "it may be counted yet");
        budget.hears(&counted(10), &PRICES);
        budget.breaks_off(&PRICES);
        assert_eq!(total(&budget).await, 30, "and was");
        budget.hears(&second(), &PRICES);
        budget.hears(&second(), &PRICES);
        budget.breaks_off(&PRICES);
        budget.breaks_off(&PRICES);
        assert_eq!(total(&budget).await, 30 + 600);
    }

    /// Says that so many tokens of sound were taken in.
    fn counted(tokens: u32) -> RelayInput {
        let json = serde_json::json!({"usageMetadata": {"promptTokenCount": tokens}});
        RelayInput::of_service(json.to_string().as_bytes()).unwrap()
    }
}
