//! What Telegram gives a Mini App.

use ring::hmac;
use serde_json::Value;

/// Raw init data for this user, of the bot with this token.
pub(crate) fn init_data(token: &str, user: &Value, auth_date: u64) -> String {
    let (user, auth_date) = (user.to_string(), auth_date.to_string());
    let text = format!("auth_date={auth_date}\nquery_id=AAH\nuser={user}");
    let mac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let hash = mac(mac(b"WebAppData", token.as_bytes()).as_ref(), text.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let fields = [("query_id", "AAH"), ("user", &user), ("auth_date", &auth_date), ("hash", &hash)];
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
