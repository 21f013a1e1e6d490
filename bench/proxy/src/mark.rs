//! How an answer is told from all others: the moment at which it was asked for, in the first samples of the sound.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Instant;

/// Bytes of sound that a mark takes, and its letters in base64.
pub const BYTES: usize = 9;
pub const LETTERS: usize = 12;

/// What no silence begins with.
const SIGN: [u8; 3] = *b"VIV";

/// The mark of this moment.
pub fn of(origin: Instant) -> [u8; BYTES] {
    let mut mark = [0; BYTES];
    mark[..3].copy_from_slice(&SIGN);
    let since = u64::try_from(origin.elapsed().as_nanos() / 1_000).unwrap_or(u64::MAX);
    mark[3..].copy_from_slice(&since.to_le_bytes()[..6]);
    mark
}

/// How many microseconds ago a mark was made, if this sound begins with one.
pub fn age_us(sound: &[u8], origin: Instant) -> Option<u64> {
    let mark: &[u8; BYTES] = sound.first_chunk()?;
    let mut since = [0; 8];
    since[..6].copy_from_slice(&mark[3..]);
    let now = u64::try_from(origin.elapsed().as_nanos() / 1_000).ok()?;
    mark.starts_with(&SIGN).then(|| now.saturating_sub(u64::from_le_bytes(since)))
}

/// A mark's letters in JSON that carries sound, if there is one.
pub fn letters(json: &[u8]) -> Option<&[u8; LETTERS]> {
    let at = json.windows(DATA.len()).take(LATEST).position(|found| found == DATA)?;
    json[at + DATA.len()..].first_chunk().filter(|letters| letters.starts_with(b"VklW"))
}

/// The same for a mark in JSON.
pub fn age_in_json_us(json: &[u8], origin: Instant) -> Option<u64> {
    age_us(&STANDARD.decode(letters(json)?).ok()?, origin)
}

/// What stands before sound.
const DATA: &[u8] = br#""data":""#;
/// Where it is looked for.
const LATEST: usize = 140;
