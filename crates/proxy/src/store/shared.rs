//! The registry that several proxies share, in Redis 6 or newer, or Valkey.
//!
//! A call is a hash (`generation`, `record` as JSON) beside a key that is its lease; both have one hash tag, so that a
//! cluster keeps them together. What must not fall between two commands is a script.

use super::{
    Answer, Away, Checkpoint, Found, HANDLES_LAST, Hold, Kept, LEASE, MOST_NOTES, Record, Slip, Store,
};
use core::fmt;
use core::time::Duration;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisError, Script, ScriptInvocation};
use std::sync::LazyLock;

/// A registry in Redis.
pub(crate) struct Shared {
    connection: ConnectionManager,
    /// How long a call is remembered that nobody has.
    keep: Duration,
}

impl Shared {
    /// One at `redis://…`, or `rediss://…` with TLS; nothing is tried before the first question.
    ///
    /// # Errors
    /// The address is none.
    pub(crate) fn open(url: &str, keep: Duration) -> Result<Self, Away> {
        let client = Client::open(url).map_err(away)?;
        // Whoever asks has a person waiting, and asks again soon.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(200))
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(away)?;
        Ok(Self { connection, keep })
    }

    async fn ask<T: FromRedisValue>(&self, question: ScriptInvocation<'_>) -> Result<T, Away> {
        let mut connection = self.connection.clone();
        let answer = async {
            match question.invoke_async(&mut connection).await {
                // That is how it is noticed that a connection is gone; by asking again another one is made.
                Err(error) if error.is_io_error() => question.invoke_async(&mut connection).await,
                answer => answer,
            }
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(away),
            Err(_elapsed) => Err(Away("it does not answer".to_owned())),
        }
    }
}

impl Store for Shared {
    fn is_shared(&self) -> bool {
        true
    }

    fn keep<'a>(&'a self, call: &'a str, record: &'a Record, hold: Hold) -> Answer<'a, Kept> {
        Box::pin(async move {
            let lease_ms = if hold == Hold::Lease { milliseconds(LEASE) } else { 0 };
            let mut question = of_call(&KEEP, call);
            question.arg(record.generation).arg(json(record)?).arg(&record.owner);
            question.arg(lease_ms).arg(milliseconds(self.keep));
            Ok(if self.ask(question).await? { Kept::Kept } else { Kept::Lost })
        })
    }

    fn find<'a>(&'a self, call: &'a str) -> Answer<'a, Option<Found>> {
        Box::pin(async move {
            let (generation, record, owner): (Option<u64>, Option<String>, Option<String>) =
                self.ask(of_call(&FIND, call)).await?;
            let (Some(generation), Some(record)) = (generation, record) else { return Ok(None) };
            let mut record: Record = read(&record)?;
            // Who took it may not have written yet.
            record.generation = generation;
            let is_held = owner.is_some();
            record.owner = owner.unwrap_or(record.owner);
            Ok(Some(Found { record, is_held }))
        })
    }

    fn take<'a>(&'a self, call: &'a str, generation: u64, owner: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut question = of_call(&TAKE, call);
            question.arg(generation).arg(owner).arg(milliseconds(LEASE)).arg(milliseconds(self.keep));
            self.ask(question).await
        })
    }

    fn end<'a>(&'a self, call: &'a str, generation: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut question = of_call(&END, call);
            question.arg(generation);
            self.ask(question).await
        })
    }

    fn enter<'a>(&'a self, room: &'a str, name: &'a str, most: u32, stay: Duration) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut question = ENTER.key(room_key(room));
            question.arg(name).arg(most).arg(milliseconds(stay));
            self.ask(question).await
        })
    }

    fn leave<'a>(&'a self, room: &'a str, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut question = LEAVE.key(room_key(room));
            question.arg(name);
            self.ask(question).await
        })
    }

    fn deposit<'a>(&'a self, name: &'a str, text: &'a str, stay: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut question = DEPOSIT.key(deposit_key(name));
            question.arg(text).arg(milliseconds(stay).max(1));
            self.ask(question).await
        })
    }

    fn withdraw<'a>(&'a self, name: &'a str, linger: Duration) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let mut question = WITHDRAW.key(deposit_key(name));
            question.arg(milliseconds(linger));
            self.ask(question).await
        })
    }

    fn add<'a>(&'a self, account: &'a str, slip: Slip<'a>, lasts: Duration) -> Answer<'a, u64> {
        Box::pin(async move {
            let mut question = ADD.key(format!("vivavoce:{{{account}}}:account"));
            question.key(format!("vivavoce:{{{account}}}:slips"));
            question.arg(slip.sum).arg(milliseconds(lasts)).arg(slip.writer).arg(slip.number);
            self.ask(question).await
        })
    }

    fn note<'a>(&'a self, call: &'a str, key: &'a str, text: &'a str, stay: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut question = of_notes(&NOTE, call);
            question.arg(key).arg(text).arg(milliseconds(stay).max(1)).arg(MOST_NOTES);
            self.ask(question).await
        })
    }

    fn strike<'a>(&'a self, call: &'a str, key: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut question = of_notes(&STRIKE, call);
            question.arg(key);
            self.ask(question).await
        })
    }

    fn notes<'a>(&'a self, call: &'a str) -> Answer<'a, Vec<(String, Duration)>> {
        Box::pin(async move {
            let notes: Vec<(String, u64)> = self.ask(of_notes(&NOTES, call)).await?;
            Ok(notes.into_iter().map(|(text, left_ms)| (text, Duration::from_millis(left_ms))).collect())
        })
    }

    fn begin<'a>(&'a self, user: &'a str, call: &'a str) -> Answer<'a, Option<Checkpoint>> {
        Box::pin(async move {
            let mut question = BEGIN.key(conversation(user));
            question.arg(call).arg(milliseconds(HANDLES_LAST));
            let checkpoint: Option<String> = self.ask(question).await?;
            checkpoint.map(|json| read(&json)).transpose()
        })
    }

    fn remember<'a>(&'a self, user: &'a str, call: &'a str, checkpoint: &'a Checkpoint) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut question = REMEMBER.key(conversation(user));
            question.arg(call).arg(json(checkpoint)?).arg(milliseconds(HANDLES_LAST));
            self.ask(question).await
        })
    }
}

impl fmt::Debug for Shared {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("keep", &self.keep).finish_non_exhaustive()
    }
}

/// A script about the hash and the lease of a call.
fn of_call<'s>(script: &'s Script, call: &str) -> ScriptInvocation<'s> {
    let mut question = script.key(format!("vivavoce:{{{call}}}:call"));
    question.key(format!("vivavoce:{{{call}}}:lease"));
    question
}

/// A script about what was begun for a call: the texts by key, and beside them until when each is kept.
fn of_notes<'s>(script: &'s Script, call: &str) -> ScriptInvocation<'s> {
    let mut question = script.key(format!("vivavoce:{{{call}}}:notes"));
    question.key(format!("vivavoce:{{{call}}}:notes-until"));
    question
}

fn conversation(user: &str) -> String {
    format!("vivavoce:{{{user}}}:conversation")
}

fn room_key(room: &str) -> String {
    format!("vivavoce:{{{room}}}:room")
}

fn deposit_key(name: &str) -> String {
    format!("vivavoce:{{{name}}}:deposit")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn json(value: &impl serde::Serialize) -> Result<String, Away> {
    serde_json::to_string(value).map_err(|error| Away(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, Away> {
    serde_json::from_str(json).map_err(|error| Away(format!("what is written there is not ours: {error}")))
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn away(error: RedisError) -> Away {
    Away(error.to_string())
}

/// One that takes longer is no help to a call that begins.
const PATIENCE: Duration = Duration::from_secs(1);

/// Generation, record, owner, lease (0: none) and remembrance in ms.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local there = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0')
        if there > tonumber(ARGV[1]) then return 0 end
        redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'record', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
        if ARGV[4] == '0' then
            redis.call('DEL', KEYS[2])
        else
            redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
        end
        return 1",
    )
});

static FIND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local call = redis.call('HMGET', KEYS[1], 'generation', 'record')
        return {call[1], call[2], redis.call('GET', KEYS[2])}",
    )
});

/// Generation, owner, lease and remembrance in ms.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
        if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
        redis.call('HINCRBY', KEYS[1], 'generation', 1)
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
        redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
        return 1",
    )
});

/// Generation.
static END: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then
            redis.call('DEL', KEYS[1], KEYS[2])
        end",
    )
});

/// Name, places, stay in ms. By Redis' own clock, for those of the proxies may differ.
static ENTER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        local is_in = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if not is_in and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
        redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
        if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        return 1",
    )
});

/// Name.
static LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new("redis.call('ZREM', KEYS[1], ARGV[1])"));

/// Text, stay in ms.
static DEPOSIT: LazyLock<Script> =
    LazyLock::new(|| Script::new("redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])"));

/// Lingering in ms; zero of them deletes it.
static WITHDRAW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local text = redis.call('GET', KEYS[1])
        if text and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then
            redis.call('PEXPIRE', KEYS[1], ARGV[1])
        end
        return text",
    )
});

/// Sum, term in ms, writer, number.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local is_new = tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or '0') < tonumber(ARGV[4])
        local total = redis.call('INCRBY', KEYS[1], is_new and ARGV[1] or 0)
        if is_new then redis.call('HSET', KEYS[2], ARGV[3], ARGV[4]) end
        if redis.call('PTTL', KEYS[1]) < 0 then
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            redis.call('PEXPIRE', KEYS[2], ARGV[2])
        end
        return total",
    )
});

/// Key, text, stay in ms, places. By Redis' own clock.
static NOTE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
        for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
            redis.call('HDEL', KEYS[1], key)
            redis.call('ZREM', KEYS[2], key)
        end
        while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[4]) do
            redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
        end
        for _, kept in ipairs(KEYS) do
            if redis.call('PTTL', kept) < tonumber(ARGV[3]) then redis.call('PEXPIRE', kept, ARGV[3]) end
        end",
    )
});

/// Key.
static STRIKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('HDEL', KEYS[1], ARGV[1])
        redis.call('ZREM', KEYS[2], ARGV[1])",
    )
});

static NOTES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local notes = {}
        local keys = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf', 'WITHSCORES')
        for at = 1, #keys, 2 do
            notes[#notes + 1] = {redis.call('HGET', KEYS[1], keys[at]), keys[at + 1] - now}
        end
        return notes",
    )
});

/// Call, remembrance in ms.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local before = redis.call('HGET', KEYS[1], 'checkpoint')
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'call', ARGV[1])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return before",
    )
});

/// Call, checkpoint, remembrance in ms.
static REMEMBER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'call') ~= ARGV[1] then return end
        redis.call('HSET', KEYS[1], 'checkpoint', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])",
    )
});

#[cfg(test)]
#[path = "../../tests/stage/redis.rs"]
#[allow(dead_code, reason = "what the stories need besides")]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
pub(crate) mod redis_server;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::redis_server::Redis;
    use super::*;

    #[tokio::test]
    async fn one_that_is_away_says_so_soon_and_answers_again_when_it_is_back() {
        let mut redis = Redis::start().await;
        let store = Shared::open(&redis.url(), Duration::from_secs(9)).unwrap();
        assert_eq!(store.find("c").await, Ok(None));
        redis.dies();
        let began = std::time::Instant::now();
        assert!(store.find("c").await.is_err());
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        redis.is_back().await;
        while store.find("c").await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        let refused = Shared::open("http://user:secret@host", Duration::from_secs(9)).unwrap_err();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
