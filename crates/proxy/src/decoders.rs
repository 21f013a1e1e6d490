//! Decoders of what strangers say that are of use within the proxy alone, opened for those who examine them: fuzzers, and the
//! tests that keep what those found.

use crate::admission::Refusal;
use crate::admission::init_data::{Bot, PRODUCTION_KEY, Telegram};
use crate::admission::ticket::Mint;
use crate::frames::{self, Broken, End, Reader};
use core::time::Duration;

/// Judges raw init data at `now_s` seconds since 1970, as a proxy does that has this bot's token: the user's number.
///
/// # Errors
/// The name of the reason why it opens nothing.
pub fn init_data(token: &str, raw: &str, now_s: u64) -> Result<u64, &'static str> {
    let bots = Bot::of_token(token).into_iter().chain([Bot::of_id(1)]).collect();
    let telegram = Telegram { bots, keys: vec![PRODUCTION_KEY], max_age: Duration::from_hours(1) };
    telegram.judge(raw, now_s).map(|opening| opening.user).map_err(Refusal::reason)
}

/// Reads a ticket as a proxy does that signs with this key: the user's name, and the call's.
///
/// # Errors
/// The name of the reason why it opens nothing.
pub fn ticket(key: &[u8], text: &str) -> Result<(String, String), &'static str> {
    let ticket = Mint::new([key]).read(text).map_err(Refusal::reason)?;
    Ok((ticket.user.id, ticket.call))
}

/// Any claims as if they were a ticket's, signed by this key.
pub fn signed(key: &[u8], claims: &serde_json::Value) -> Option<String> {
    Mint::new([key]).sign_claims(claims)
}

/// Reads frames that a client sent (or, where `of_client` is false, a server), `piece_bytes` at a time and in messages of up
/// to `most_bytes`, and writes what they say as if this were that client, unmasked; and whether a rule was broken then.
pub fn frames(bytes: &[u8], of_client: bool, most_bytes: usize, piece_bytes: usize) -> (Vec<u8>, bool) {
    let mut reader = Reader::new(if of_client { End::Server } else { End::Client }, most_bytes);
    let mut said = Vec::new();
    let mut read = |piece: &[u8]| -> Result<(), Broken> {
        let mut message = reader.read(&mut piece.to_vec())?;
        while let Some(whole) = message {
            frames::write(&whole, End::Server, &mut said);
            message = reader.next()?;
        }
        Ok(())
    };
    let is_broken = bytes.chunks(piece_bytes.max(1)).any(|piece| read(piece).is_err());
    (said, is_broken)
}
