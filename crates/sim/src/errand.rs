//! Functions that the model wants called, until the client has answered.

use crate::dice::Dice;
use crate::said::{Response, Scheduling};
use crate::script::{Tool, Turn};
use crate::words::Call;
use core::time::Duration;
use serde_json::Value;

/// The calls of one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// The calls.
    pub calls: Vec<Call>,
    /// What the script says of the answer that follows.
    pub rule: Turn,
    /// Whether the model waits for it.
    pub blocking: bool,
    /// When the calls are taken back.
    pub cancel_at: Option<Duration>,
    /// Ids without an answer.
    open: Vec<String>,
    results: Vec<(String, Value)>,
    scheduling: Scheduling,
}

impl Errand {
    /// Calls that are made.
    pub fn new(calls: Vec<Call>, rule: Turn, blocking: bool, cancel_at: Option<Duration>) -> Self {
        let open = calls.iter().map(|call| call.id.clone()).collect();
        Self {
            calls,
            rule,
            blocking,
            cancel_at,
            open,
            results: Vec::new(),
            scheduling: Scheduling::default(),
        }
    }

    /// Whether the id waits for an answer.
    pub fn awaits(&self, id: &str) -> bool {
        self.open.iter().any(|open| open == id)
    }

    /// Takes in a response; true when none is missing any more.
    pub fn answer(&mut self, response: Response) -> bool {
        self.scheduling = response.scheduling;
        if response.will_continue {
            return false;
        }
        self.open.retain(|open| *open != response.id);
        let call = self.calls.iter().find(|call| call.id == response.id);
        let name = call.map_or_else(String::new, |call| call.name.clone());
        self.results.push((name, response.result));
        self.open.is_empty()
    }

    /// Ids without an answer.
    pub fn open_ids(&self) -> &[String] {
        &self.open
    }

    /// When to speak of it, from the last response.
    pub const fn scheduling(&self) -> Scheduling {
        self.scheduling
    }

    /// All results in words.
    pub fn report(&self) -> String {
        let results = self.results.iter().map(|(name, result)| format!("{name} answered {result}."));
        let report = results.collect::<Vec<_>>().join(" ");
        if report.chars().count() <= MOST_LETTERS {
            return report;
        }
        report.chars().take(MOST_LETTERS).chain(['…']).collect()
    }
}

/// Calls for the tools of a turn; ids in the forms that the service uses, by turns.
pub fn calls(tools: &[Tool], dice: &mut Dice) -> Vec<Call> {
    let name_call = |(index, tool): (usize, &Tool)| {
        let bits = dice.bits();
        let id = tool.id.clone().unwrap_or_else(|| match index % 3 {
            0 => format!("function-call-{bits}"),
            1 => format!("call_{}", bits % 1_000_000),
            _ => format!("fc_{bits:x}"),
        });
        Call { id, name: tool.name.clone(), args: tool.args.clone() }
    };
    tools.iter().enumerate().map(name_call).collect()
}

/// A tool asked for in so many words: `call NAME`, `call NAME {"city": "Paris"}`.
pub fn requested(text: &str) -> Option<Tool> {
    let rest = text.trim().strip_prefix("call ").or_else(|| text.trim().strip_prefix("Call "))?;
    let (name, args) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let args = serde_json::from_str(args).unwrap_or_default();
    Some(Tool { name: name.to_owned(), args, id: None })
}

/// What is said of results at most.
const MOST_LETTERS: usize = 300;

#[cfg(test)]
mod tests {
    use super::{calls, requested};
    use crate::dice::Dice;
    use crate::script::Tool;

    #[test]
    fn ids_come_in_every_form_that_was_seen() {
        let tool = Tool { name: "look".to_owned(), args: serde_json::Map::new(), id: None };
        let calls = calls(
            &[tool.clone(), tool.clone(), tool.clone(), Tool { id: Some("x".into()), ..tool }],
            &mut Dice::new(1),
        );
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        for (id, prefix) in ids.iter().zip(["function-call-", "call_", "fc_", "x"]) {
            assert!(id.starts_with(prefix), "{ids:?}");
        }
    }

    #[test]
    fn a_tool_can_be_asked_for_in_words() {
        let tool = requested(r#"call get_weather {"city": "Paris"}"#).unwrap();
        assert_eq!((tool.name.as_str(), &tool.args["city"]), ("get_weather", &"Paris".into()));
        assert_eq!(requested("Call clock").unwrap().name, "clock");
        assert_eq!(requested("Recall me"), None);
    }
}
