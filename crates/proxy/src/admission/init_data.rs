//! What Telegram signs when it opens a Mini App: who does, by which bot, and when.
//!
//! After <https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app>: the fields, decoded once and
//! sorted, are signed with the bot's token (HMAC), and beside that with Telegram's own key (Ed25519), for those who only
//! know the bot's id. The text is judged as it came, for no other writing of it has the same signature.

use super::Refusal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;
use core::time::Duration;
use ring::hmac;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A bot whose Mini App may call.
#[derive(Clone)]
pub(crate) struct Bot {
    pub(crate) id: u64,
    /// Made of its token, if that is known.
    secret: Option<hmac::Key>,
}

/// By what init data is judged.
#[derive(Clone, Debug)]
pub(crate) struct Telegram {
    pub(crate) bots: Vec<Bot>,
    /// Those that sign for Telegram: 32 bytes each.
    pub(crate) keys: Vec<[u8; 32]>,
    /// How old it may be.
    pub(crate) max_age: Duration,
}

/// Who opened a Mini App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) bot: u64,
    /// Telegram's number of the user, of at most 52 bits.
    pub(crate) user: u64,
    /// What is the same for each showing of the same text.
    pub(crate) hash: String,
}

impl Telegram {
    /// Judges a raw text of init data at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub(crate) fn judge(&self, raw: &str, now: u64) -> Result<Opening, Refusal> {
        let fields = Fields::read(raw).ok_or(Refusal::Unreadable)?;
        let hash = fields.hash().ok_or(Refusal::Unreadable)?;
        let bot = self.signer(&fields, &hash).ok_or(Refusal::Forged)?;
        // Nothing of it is looked at before it is known to be Telegram's.
        let opened_at = fields.auth_date().ok_or(Refusal::Unreadable)?;
        if opened_at > now.saturating_add(MOST_AHEAD_S) {
            return Err(Refusal::Future);
        }
        if now.saturating_sub(opened_at) > self.max_age.as_secs() {
            return Err(Refusal::Stale);
        }
        let user = fields.user().ok_or(Refusal::Nobody)?;
        Ok(Opening { bot, user, hash: fields.get("hash").unwrap_or_default().to_owned() })
    }

    /// What stands for whoever vouches for a bot's users, and is another when the bot has another token; none if the bot is not served.
    pub(crate) fn voucher(&self, bot: u64) -> Option<String> {
        let bot = self.bots.iter().find(|known| known.id == bot)?;
        Some(match &bot.secret {
            Some(secret) => URL_SAFE_NO_PAD.encode(hmac::sign(secret, b"vivavoce refresh")),
            None => "telegram".to_owned(),
        })
    }

    fn signer(&self, fields: &Fields, hash: &[u8]) -> Option<u64> {
        let text = fields.text(&["hash"]);
        let by_token = |bot: &&Bot| {
            bot.secret.as_ref().is_some_and(|secret| hmac::verify(secret, text.as_bytes(), hash).is_ok())
        };
        if let Some(bot) = self.bots.iter().find(by_token) {
            return Some(bot.id);
        }
        let signature = fields.signature()?;
        let text = fields.text(&["hash", "signature"]);
        let by_telegram = |bot: &&Bot| {
            let signed = format!("{}:WebAppData\n{text}", bot.id);
            let is_by =
                |key| UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_ok();
            bot.secret.is_none() && self.keys.iter().any(is_by)
        };
        self.bots.iter().find(by_telegram).map(|bot| bot.id)
    }
}

impl Bot {
    /// A bot by its token, `123456:AAH…`, as @BotFather gives it; none if that is none.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        let (id, rest) = token.split_once(':')?;
        let is_token = rest.len() >= 30
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let id = digits(id).filter(|_| is_token)?;
        Some(Self { id, secret: Some(secret(token)) })
    }

    /// A bot of which nothing but the id is known.
    pub(crate) const fn of_id(id: u64) -> Self {
        Self { id, secret: None }
    }
}

impl fmt::Debug for Bot {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The fields of init data, each once.
struct Fields(BTreeMap<String, String>);

#[derive(Deserialize)]
struct WebAppUser {
    id: u64,
}

impl Fields {
    /// None where two readers could take the text for different things.
    fn read(raw: &str) -> Option<Self> {
        let mut fields = BTreeMap::new();
        if raw.split('&').any(|pair| !pair.contains('=')) {
            return None;
        }
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            // A line break within a value would make one field look like two.
            if !is_name
                || value.contains('\n')
                || fields.insert(name.into_owned(), value.into_owned()).is_some()
            {
                return None;
            }
        }
        Some(Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What is signed: all but some, unknown ones included.
    fn text(&self, without: &[&str]) -> String {
        let signed = self.0.iter().filter(|(name, _)| !without.contains(&name.as_str()));
        let lines: Vec<_> = signed.map(|(name, value)| format!("{name}={value}")).collect();
        lines.join("\n")
    }

    fn hash(&self) -> Option<[u8; 32]> {
        let text = self.get("hash")?.as_bytes();
        let nibble = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(hash)
    }

    fn signature(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.get("signature")?.trim_end_matches('=')).ok()
    }

    fn auth_date(&self) -> Option<u64> {
        digits(self.get("auth_date")?)
    }

    fn user(&self) -> Option<u64> {
        let user: WebAppUser = serde_json::from_str(self.get("user")?).ok()?;
        (user.id > 0).then_some(user.id)
    }
}

/// The key that a token makes.
fn secret(token: &str) -> hmac::Key {
    let web_app_data = hmac::Key::new(hmac::HMAC_SHA256, b"WebAppData");
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&web_app_data, token.as_bytes()).as_ref())
}

/// A number in decimal digits alone.
fn digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What Telegram signs with, and what its test servers do: from the page named above.
pub(crate) const PRODUCTION_KEY: [u8; 32] = [
    0xe7, 0xbf, 0x03, 0xa2, 0xfa, 0x46, 0x02, 0xaf, 0x45, 0x80, 0x70, 0x3d, 0x88, 0xdd, 0xa5, 0xbb, 0x59,
    0xf3, 0x2e, 0xd8, 0xb0, 0x2a, 0x56, 0xc1, 0x87, 0xfe, 0x7d, 0x34, 0xca, 0xed, 0x24, 0x2d,
];
pub(crate) const TEST_KEY: [u8; 32] = [
    0x40, 0x05, 0x50, 0x58, 0xa4, 0xee, 0x38, 0x15, 0x6a, 0x06, 0x56, 0x2e, 0x52, 0xee, 0xce, 0x92, 0xa7,
    0x71, 0xbc, 0xd8, 0x34, 0x6a, 0x8c, 0x46, 0x15, 0xcb, 0x73, 0x76, 0xed, 0xdf, 0x72, 0xec,
];

/// By how much the clock of a phone's Telegram server may be ahead of ours.
const MOST_AHEAD_S: u64 = 60;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    // Published by the test suites of init-data-golang and tma.js.
    const A_TOKEN: &str = "5768337691:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8";
    const A: &str = "query_id=AAHdF6IQAAAAAN0XohDhrOrc&user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%22%2C%22last_name%22%3A%22Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%7D&auth_date=1662771648&hash=c501b71e775f74ce10e377dea85a7ea24ecd640b223ea86dfe453e0eaed2e2b2";
    const A_AT: u64 = 1_662_771_648;
    const B_TOKEN: &str = "7342037359:AAFZehRPBRs8Seg40oDjTMIW8uTGPuW1zfQ";
    const B: &str = "user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%20%2B%20-%20%3F%20%5C%2F%22%2C%22last_name%22%3A%22Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%2C%22allows_write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22https%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F320%5C%2F4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg%22%7D&chat_instance=8134722200314281151&chat_type=private&auth_date=1733584787&signature=zL-ucjNyREiHDE8aihFwpfR9aggP2xiAo3NSpfe-p7IbCisNlDKlo7Kb6G4D0Ao2mBrSgEk4maLSdv6MLIlADQ&hash=2174df5b000556d044f3f020384e879c8efcab55ddea2ced4eb752e93e7080d6";
    const B_AT: u64 = 1_733_584_787;
    const B_BOT: u64 = 7_342_037_359;
    const KIBENKO: u64 = 279_058_397;

    fn telegram(bots: &[Bot]) -> Telegram {
        let max_age = Duration::from_secs(3_600);
        Telegram { bots: bots.to_vec(), keys: vec![PRODUCTION_KEY], max_age }
    }

    fn bot(token: &str) -> Bot {
        Bot::of_token(token).unwrap()
    }

    /// Signs fields with a token, as Telegram does.
    fn signed(token: &str, fields: &[(&str, &str)]) -> String {
        let mut lines: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        lines.sort();
        let mac = hmac::sign(&secret(token), lines.join("\n").as_bytes());
        let hash: String = mac.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut raw = form_urlencoded::Serializer::new(String::new());
        raw.extend_pairs(fields).append_pair("hash", &hash);
        raw.finish()
    }

    #[test]
    fn the_published_texts_are_telegrams() {
        for (token, raw, at, id) in [(A_TOKEN, A, A_AT, 5_768_337_691), (B_TOKEN, B, B_AT, B_BOT)] {
            let opening = telegram(&[bot(B_TOKEN), bot(A_TOKEN)]).judge(raw, at).unwrap();
            assert_eq!((opening.bot, opening.user), (id, KIBENKO));
            assert!(raw.ends_with(&opening.hash));
            assert_eq!(telegram(&[bot(token)]).judge(raw, at), Ok(opening));
        }
        assert_eq!(telegram(&[bot(A_TOKEN)]).judge(B, B_AT), Err(Refusal::Forged), "another bot's");
        assert_eq!(telegram(&[]).judge(A, A_AT), Err(Refusal::Forged));
    }

    #[test]
    fn a_bot_s_id_is_enough_where_telegram_signed_too() {
        let judged = telegram(&[Bot::of_id(1), Bot::of_id(B_BOT)]).judge(B, B_AT).unwrap();
        assert_eq!((judged.bot, judged.user), (B_BOT, KIBENKO));
        assert_eq!(telegram(&[Bot::of_id(B_BOT + 1)]).judge(B, B_AT), Err(Refusal::Forged));
        assert_eq!(telegram(&[Bot::of_id(5_768_337_691)]).judge(A, A_AT), Err(Refusal::Forged), "unsigned");
        let elsewhere = Telegram { keys: vec![TEST_KEY], ..telegram(&[Bot::of_id(B_BOT)]) };
        assert_eq!(elsewhere.judge(B, B_AT), Err(Refusal::Forged), "the test servers' key");
        let padded = B.replace("LIlADQ&", "LIlADQ%3D%3D&");
        assert!(telegram(&[Bot::of_id(B_BOT)]).judge(&padded, B_AT).is_ok());
        let without = B.replace("&hash=2174df", "&hash=0174df");
        assert!(telegram(&[Bot::of_id(B_BOT)]).judge(&without, B_AT).is_ok(), "the hash is not signed");
    }

    #[test]
    fn the_key_of_a_token_is_the_published_one() {
        let mac = hmac::sign(&secret("my-secret-token"), b"abc");
        let hex: String = mac.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6ecc2e9b51f30dde6877ce374ede54eb626c84e78a5d9a9dcac54d2d248f6bde");
    }

    #[test]
    fn it_is_good_for_an_hour_and_a_minute_ahead() {
        for (now, verdict) in [
            (A_AT - 61, Err(Refusal::Future)),
            (A_AT - 60, Ok(KIBENKO)),
            (A_AT + 3_600, Ok(KIBENKO)),
            (A_AT + 3_601, Err(Refusal::Stale)),
            (u64::MAX, Err(Refusal::Stale)),
            (0, Err(Refusal::Future)),
        ] {
            let judged = telegram(&[bot(A_TOKEN)]).judge(A, now).map(|opening| opening.user);
            assert_eq!(judged, verdict, "at {now}");
        }
    }

    #[test]
    fn the_order_of_the_fields_is_free_and_new_ones_are_welcome() {
        let (rest, hash) = A.rsplit_once('&').unwrap();
        assert!(telegram(&[bot(A_TOKEN)]).judge(&format!("{hash}&{rest}"), A_AT).is_ok());
        let raw =
            signed(A_TOKEN, &[("user", r#"{"id":7}"#), ("auth_date", "100"), ("brand_new", "1 + 1 = 2")]);
        assert_eq!(telegram(&[bot(A_TOKEN)]).judge(&raw, 100).map(|opening| opening.user), Ok(7));
    }

    #[test]
    fn what_could_be_read_in_two_ways_or_says_too_little_is_refused() {
        let judge = |raw: &str| telegram(&[bot(A_TOKEN)]).judge(raw, A_AT).unwrap_err();
        for raw in [
            "".to_owned(),
            "hash".into(),
            format!("{A}&user=%7B%22id%22%3A1%7D"),
            format!("{A}&x"),
            format!("{A}&"),
            A.replace("&query_id", "&&query_id").replacen("query_id", "&query_id", 1),
            A.replace("&hash=c501", "&hash=C501"),
            A.replace("&hash=c501", "&hash="),
            A.replace("&auth_date=", "%0Aauth_date="),
            "x".repeat(64 * 1024),
            "=&".repeat(1_000),
        ] {
            assert_eq!(judge(&raw), Refusal::Unreadable, "{}", &raw[..raw.len().min(300)]);
        }
        assert_eq!(judge(&A.replace("279058397", "279058398")), Refusal::Forged);
        assert_eq!(judge(&A.replace("auth_date=1662771648", "auth_date=1662771649")), Refusal::Forged);
        let user = ("user", r#"{"id":7}"#);
        for (fields, why) in [
            (vec![user], Refusal::Unreadable),
            (vec![user, ("auth_date", "+1662771648")], Refusal::Unreadable),
            (vec![user, ("auth_date", "1662771648.5")], Refusal::Unreadable),
            (vec![user, ("auth_date", "NaN")], Refusal::Unreadable),
            (vec![user, ("auth_date", "1662771648000")], Refusal::Future),
            (vec![("auth_date", "1662771648")], Refusal::Nobody),
            (vec![("auth_date", "1662771648"), ("user", "7")], Refusal::Nobody),
            (vec![("auth_date", "1662771648"), ("user", r#"{"id":-7}"#)], Refusal::Nobody),
            (vec![("auth_date", "1662771648"), ("user", r#"{"id":7,"id":8}"#)], Refusal::Nobody),
        ] {
            assert_eq!(judge(&signed(A_TOKEN, &fields)), why, "{fields:?}");
        }
    }

    #[test]
    fn tokens_are_told_from_other_texts() {
        for text in [
            "",
            "1",
            "1:",
            ":AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8",
            "1:short",
            "a:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8",
        ] {
            assert!(Bot::of_token(text).is_none(), "{text}");
        }
        assert!(!format!("{:?}", bot(A_TOKEN)).contains("AAH"));
    }

    #[test]
    fn a_key_of_one_s_own_signs_as_telegram_does() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        let text = "9:WebAppData\nauth_date=100\nuser={\"id\":3}";
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()));
        let raw =
            format!("user=%7B%22id%22:3%7D&auth_date=100&signature={signature}&hash={}", "0".repeat(64));
        let own = Telegram { keys: vec![key], ..telegram(&[Bot::of_id(9)]) };
        assert_eq!(own.judge(&raw, 100).map(|opening| opening.user), Ok(3));
        assert_eq!(own.judge(&raw.replace(":3%7D", ":4%7D"), 100), Err(Refusal::Forged));
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_no_longer_telegrams(at: prop::sample::Index, bit in 0_u8..7) {
            let mut bytes = B.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let raw = String::from_utf8(bytes).unwrap();
            let same = Fields::read(&raw).is_some_and(|fields| fields.0 == Fields::read(B).unwrap().0);
            // %2f is %2F, and + is %20: the same text, written otherwise.
            prop_assert_eq!(telegram(&[bot(B_TOKEN)]).judge(&raw, B_AT).is_ok(), same);
        }

        #[test]
        fn what_telegram_signed_is_known_again(user in 1_u64..(1 << 52), name in "[^\n]{0,30}", extra in "[a-z_]{1,9}") {
            prop_assume!(!["user", "auth_date", "hash", "signature"].contains(&extra.as_str()));
            let json = serde_json::json!({ "id": user, "first_name": name }).to_string();
            let raw = signed(A_TOKEN, &[("user", &json), ("auth_date", "100"), (&extra, &name)]);
            let judged = telegram(&[bot(B_TOKEN), bot(A_TOKEN)]).judge(&raw, 100);
            prop_assert_eq!(judged.map(|opening| opening.user), Ok(user));
        }

        #[test]
        fn nonsense_is_refused_without_a_panic(raw in ".{0,300}") {
            prop_assert!(telegram(&[bot(A_TOKEN), Bot::of_id(1)]).judge(&raw, A_AT).is_err());
        }
    }
}
