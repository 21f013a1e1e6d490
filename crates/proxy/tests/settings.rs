//! Settings: what is documented is what is read, and what is wrong is said.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

use vivavoce_proxy::config::{Behaviour, Compression, Config, Format, KeySource};

#[test]
fn the_documented_defaults_are_the_defaults() {
    assert_eq!(Config::parse(documented()).unwrap(), Config::default());
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn every_setting_is_documented() {
    let mut table = String::new();
    let mut documented_keys = Vec::new();
    for line in documented().lines() {
        let setting = line.strip_prefix("# ").unwrap_or(line);
        if setting.starts_with('[') && setting.ends_with(']') {
            table = format!("{}.", setting.trim_matches(['[', ']']));
        }
        if let Some((key, _)) = setting.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            documented_keys.push(format!("{table}{key}"));
        }
    }
    let mut keys = Config::keys();
    keys.sort();
    documented_keys.sort();
    assert_eq!(documented_keys, keys);
}

#[test]
fn settings_are_taken_from_the_file() {
    let config = Config::parse(
        r#"
        listen = "[::1]:0"
        page = "elsewhere"
        upstream.url = "ws://127.0.0.1:9080"
        [gemini]
        model = "models/other"
        greeting = "Say hello."
        temperature = 1
        compression_trigger_tokens = 10_000
        [limits]
        unread_ms = 1000
        [admission]
        origins = ["https://Example.org"]
        "#,
    )
    .unwrap();
    assert_eq!(config.listen.to_string(), "[::1]:0");
    assert_eq!(config.page.unwrap().to_str(), Some("elsewhere"));
    assert_eq!(config.upstream_url.as_deref(), Some("ws://127.0.0.1:9080"));
    assert_eq!(config.gemini.model, "other");
    assert_eq!(config.gemini.greeting.as_deref(), Some("Say hello."));
    assert_eq!(config.gemini.temperature, Some(1.0));
    let half = Compression { trigger_tokens: 10_000, target_tokens: 5_000 };
    assert_eq!(config.gemini.compression, Some(half));
    assert_eq!(config.limits.unread.as_millis(), 1000);
    assert_eq!(config.admission.origins, ["https://example.org"]);
}

#[test]
fn a_user_s_day_is_bounded_unless_that_is_switched_off() {
    let day = |toml| Config::parse(toml).unwrap().limits.daily;
    let usual = day("");
    assert!(usual.time.is_some() && usual.micros.is_some());
    let free = day("[limits]\nminutes_per_day = 0\ncost_per_day = 0");
    assert_eq!((free.time, free.micros), (None, None));
    let other = day("[limits]\nminutes_per_day = 7\ncost_per_day = 0.25");
    assert_eq!((other.time.map(|time| time.as_secs()), other.micros), (Some(420), Some(250_000)));
}

#[test]
fn issuers_are_taken_with_one_key_each() {
    let start = "[[admission.issuers]]\nissuer = \"i\"\naudience = \"a\"\n";
    for (rest, key) in [
        ("algorithm = \"ES256\"\nkey = \"pem\"", Some(KeySource::Text("pem".into()))),
        ("algorithm = \"EdDSA\"\nkey_file = \"f\"", Some(KeySource::File("f".into()))),
        ("algorithm = \"HS256\"\nsecret_env = \"S\"", Some(KeySource::Environment("S".into()))),
        ("algorithm = \"ES256\"\nkey = \"pem\"\nkey_file = \"f\"", None),
        ("algorithm = \"ES256\"", None),
        ("algorithm = \"ES256\"\nsecret_env = \"S\"", None),
        ("algorithm = \"HS256\"\nkey = \"pem\"", None),
    ] {
        let config = Config::parse(&format!("{start}{rest}"));
        let found = config.ok().map(|config| config.admission.issuers[0].key.clone());
        assert_eq!(found, key, "{rest}");
    }
}

#[test]
fn several_models_may_be_named() {
    let gemini = Config::parse("[gemini]\nmodels = [\"models/a\", \"b\", \"c\"]").unwrap().gemini;
    assert_eq!((gemini.model.as_str(), gemini.other_models), ("a", vec!["b".to_owned(), "c".to_owned()]));
}

#[test]
fn each_mistake_is_named_with_its_line() {
    for (toml, line, words) in [
        ("nonsense", 1, ""),
        (
            "\nlisten = \"nowhere\"",
            2,
            "`listen` is an address and a port, as in \"127.0.0.1:8003\"; found \"nowhere\"",
        ),
        (
            "lisen = 1",
            1,
            "unknown key `lisen`; known here: listen, trusted_hops, page, upstream, admin, gemini, limits, prices, admission, cluster, tools, page_functions",
        ),
        ("gemini = 3", 1, "`gemini` is a table, `[gemini]`; found 3"),
        ("[gemini]\nvoice = \"\"", 2, "`gemini.voice` is a text in quotes, not empty; found \"\""),
        ("[gemini]\nmodel = \"a b\"", 2, "a model's id"),
        ("[gemini]\nmodels = []", 2, "a list of models' ids"),
        ("[gemini]\nmodels = [\"a\", \"b c\"]", 2, "a list of models' ids"),
        ("[gemini]\nmodel = \"a\"\nmodels = [\"b\"]", 2, "one of the two"),
        ("[gemini]\ntemperature = 3.5", 2, "a number from 0 to 2; found 3.5"),
        (
            "[gemini]\nactivity_handling = \"NO\"",
            2,
            "one of START_OF_ACTIVITY_INTERRUPTS, NO_INTERRUPTION; found \"NO\"",
        ),
        ("[gemini]\ncompression_target_tokens = 30000", 2, "is below `compression_trigger_tokens`"),
        ("[limits]\ncalls = 0", 2, "a whole number from 1 to 100000; found 0"),
        ("[admission]\norigins = [\"example.org\"]", 2, "a list of origins"),
        ("[admission]\norigins = [\"https://a.example/path\"]", 2, "a list of origins"),
        ("[admission]\npublic_url = \"voice.example.org\"", 2, "the whole address of the socket"),
        ("[admission]\nticket_s = 3600", 2, "a whole number from 10 to 600"),
        ("[admission.telegram]\nbots = [\"1\"]", 2, "a list of bots' ids"),
        ("[admission.telegram]\nbots = [-1]", 2, "a list of bots' ids"),
        ("[admission]\nissuers = 1", 2, "a list of tables"),
        ("[admission]\nissuers = [1]", 2, "a list of tables; found 1"),
        ("\n[[admission.issuers]]\naudience = \"a\"", 2, "each with `issuer`"),
        (
            "[[admission.issuers]]\nissuer = \"telegram:1\"\naudience = \"a\"\nalgorithm = \"ES256\"\nkey = \"k\"",
            2,
            "none of local, shell and telegram",
        ),
        (
            "[[admission.issuers]]\nissuer = \"a b\"\naudience = \"a\"\nalgorithm = \"ES256\"\nkey = \"k\"",
            2,
            "without spaces",
        ),
        (
            "[[admission.issuers]]\nalgorithm = \"none\"\nissuer = \"i\"\naudience = \"a\"\nkey = \"k\"",
            2,
            "one of RS256, PS256, ES256, EdDSA, HS256",
        ),
        (
            "[[admission.issuers]]\nsecret = \"a\"\nissuer = \"i\"\naudience = \"a\"\nalgorithm = \"ES256\"\nkey = \"k\"",
            2,
            "looks like a secret",
        ),
        ("[gemini]\n\n[gemini.tools]\nx = 1", 3, "unknown key `gemini.tools`"),
    ] {
        let problems = Config::parse(toml).unwrap_err();
        assert_eq!(problems[0].line, line, "{toml}: {problems:?}");
        assert!(problems[0].message.contains(words), "{toml}: {problems:?}");
    }
}

#[test]
fn tools_are_declared_one_a_table() {
    let tools = Config::parse(
        r#"
        page_functions.allow = ["show_map"]
        [[tools]]
        name = "send_email"
        description = "Sends."
        url = "https://n8n.example/webhook/email-agent"
        secret_env = "EMAIL_TOOL_SECRET"
        [tools.parameters]
        type = "object"
        properties = { token = { type = "string", maxLength = 0x10 }, share = { type = "number", maximum = 0.5 } }
        [[tools]]
        name = "look_up"
        description = "Looks up."
        url = "http://127.0.0.1:5678/webhook/look-up"
        secret_env = "OTHER"
        side_effects = false
        behaviour = "non_blocking"
        scheduling = "when_idle"
        format = "flat"
        allow_private = true
        "#,
    )
    .unwrap()
    .tools;
    assert_eq!((tools[0].name.as_str(), tools[0].confirm, tools[0].retries), ("send_email", true, 0));
    let schema = tools[0].parameters.as_ref().unwrap();
    assert_eq!(schema["properties"]["token"]["maxLength"], 16);
    assert_eq!(schema["properties"]["share"]["maximum"], 0.5);
    assert_eq!((tools[1].confirm, tools[1].retries, tools[1].format), (false, 2, Format::Flat));
    assert_eq!(tools[1].behaviour, Some(Behaviour::NonBlocking));
    assert_eq!(tools[1].scheduling.as_deref(), Some("WHEN_IDLE"));
}

#[test]
fn each_mistake_of_a_tool_is_named_with_its_line() {
    let whole =
        "[[tools]]\nname = \"a\"\ndescription = \"b\"\nurl = \"https://a.example\"\nsecret_env = \"S\"\n";
    assert!(Config::parse(whole).is_ok());
    for (toml, line, words) in [
        ("[[tools]]\n".to_owned(), 1, "`tools.description` is missing"),
        (whole.replace("\"a\"", "\"9a\""), 2, "`tools.name` is a function's name"),
        (whole.replace("https://", "http://"), 1, "`allow_private`"),
        (whole.replace("https://a.example", "a.example/x"), 4, "the webhook's address"),
        (whole.replace("\"S\"", "\"hunter2\""), 5, "the name of the environment's variable"),
        (format!("{whole}parameters = {{ type = \"object\", required = 5 }}"), 6, "a JSON Schema"),
        (format!("{whole}parameters = {{ type = \"text\" }}"), 6, "whose `type` is \"object\""),
        (format!("{whole}scheduling = \"silent\""), 1, "`behaviour` is \"non_blocking\""),
        (format!("{whole}secret = \"x\""), 6, "looks like a secret"),
        (format!("{whole}retries = 9"), 6, "from 0 to 5"),
        (format!("{whole}{whole}"), 6, "two tools named a"),
        ("tools = 3".to_owned(), 1, "`[[tools]]`"),
        ("[page_functions]\nallow = [\"a b\"]".to_owned(), 2, "a list of functions' names"),
    ] {
        let problems = Config::parse(&toml).unwrap_err();
        assert_eq!(problems[0].line, line, "{toml}: {problems:?}");
        assert!(problems[0].message.contains(words), "{toml}: {problems:?}");
    }
}

#[test]
fn secrets_are_refused_and_never_repeated() {
    let key = concat!("AIza", "SyD-not-a-real-key-0123456789abcdef");
    for toml in [
        format!("api_key = \"{key}\""),
        format!("[gemini]\nvoices = \"{key}\""),
        format!("[upstream]\nurl = \"wss://a.example/?key={key}\""),
        format!("[upstream]\nurl = \"wss://user:{key}@a.example\""),
        format!("[telegram]\nbot = {{ token = \"{key}\" }}"),
        format!("[gemini]\nvoice = \"{key}\""),
    ] {
        let problems = Config::parse(&toml).unwrap_err();
        let said = format!("{problems:?}");
        assert!(said.contains("GEMINI_API_KEY"), "{toml}: {said}");
        assert!(!said.contains(key), "{said}");
    }
}

/// The settings in the page for people.
fn documented() -> &'static str {
    let page = include_str!("../../../docs/CONFIG.md");
    page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()
}
