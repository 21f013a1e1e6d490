//! The functions that the model may call.

use core::time::Duration;
use std::sync::Arc;
use vivavoce_gemini::{Behavior, FunctionDeclaration, Scheduling, Setup, Tool as Declared};
use vivavoce_wire::message::Hello;

/// All that a model may be let call.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Those that the shell runs; of two with one name the first.
    pub own: Vec<Tool>,
    /// Names of functions that a page may declare; a tool of our own with the same name wins.
    pub page_names: Vec<String>,
    /// How long a page may take for one.
    pub page_deadline: Duration,
}

/// A function that the shell runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// What the model is told of it.
    pub declaration: FunctionDeclaration,
    /// Whether the person has to allow each call.
    pub confirm: bool,
    /// What people read while it runs.
    pub says: Option<String>,
    /// How long it may run, with all tries of the shell's.
    pub deadline: Duration,
    /// When the model hears what came of it; only of functions for which it does not wait.
    pub scheduling: Option<Scheduling>,
}

/// The functions of one call: the shell's, and those of the page that talks.
#[derive(Debug, Default)]
pub(super) struct Known {
    tools: Tools,
    all: Vec<Arc<Function>>,
}

/// A function that the model may call, and who runs it.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) tool: Tool,
    pub(super) is_page: bool,
}

impl Known {
    pub(super) fn new(tools: Tools) -> Self {
        let mut known = Self { tools, all: Vec::new() };
        known.gather(Vec::new());
        known
    }

    /// A page says which functions it has.
    pub(super) fn enters(&mut self, hello: &Hello) {
        let said = hello.functions.as_ref().map(vivavoce_wire::Json::value);
        let said = said.and_then(|said| serde_json::from_value::<Vec<serde_json::Value>>(said).ok());
        let said = said.unwrap_or_default();
        let declared = said.iter().filter_map(declaration);
        let page = declared.map(|declaration| Tool {
            declaration,
            confirm: false,
            says: None,
            deadline: self.tools.page_deadline,
            scheduling: None,
        });
        let page: Vec<_> =
            page.filter(|tool| self.tools.page_names.contains(&tool.declaration.name)).collect();
        self.gather(page);
    }

    /// Tells the service of all functions that there are.
    pub(super) fn declare(&self, setup: &mut Setup) {
        let function_declarations: Vec<_> =
            self.all.iter().map(|function| function.tool.declaration.clone()).collect();
        if !function_declarations.is_empty() {
            setup.tools.push(Declared { function_declarations, ..Declared::default() });
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Function>> {
        self.all.iter().find(|function| function.tool.declaration.name == name).cloned()
    }

    fn gather(&mut self, page: Vec<Tool>) {
        let own = self.tools.own.iter().cloned().map(|tool| Function { tool, is_page: false });
        let page = page.into_iter().map(|tool| Function { tool, is_page: true });
        let mut all: Vec<Arc<Function>> = Vec::new();
        for function in own.chain(page) {
            let name = &function.tool.declaration.name;
            if !all.iter().any(|before| before.tool.declaration.name == *name) {
                all.push(Arc::new(function));
            }
        }
        self.all = all;
    }
}

impl Function {
    /// Whether the model goes on talking while it runs.
    pub(super) fn is_non_blocking(&self) -> bool {
        self.tool.declaration.behavior == Some(Behavior::NonBlocking)
    }
}

/// What a page says of one function; none if it is not understood.
fn declaration(said: &serde_json::Value) -> Option<FunctionDeclaration> {
    let text = |key: &str| said.get(key).and_then(|value| value.as_str());
    let behavior = match text("behavior") {
        None => None,
        Some("BLOCKING") => Some(Behavior::Blocking),
        Some("NON_BLOCKING") => Some(Behavior::NonBlocking),
        Some(_) => return None,
    };
    Some(FunctionDeclaration {
        name: text("name").filter(|name| is_name(name))?.to_owned(),
        description: text("description").unwrap_or_default().to_owned(),
        behavior,
        parameters_json_schema: said.get("parameters").filter(|schema| schema.is_object()).cloned(),
        ..FunctionDeclaration::default()
    })
}

/// Whether the service takes this for a function's name: a letter or underscore, then letters, digits, `_`, `.`, `:`
/// or `-`; at most 128.
pub fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    begins
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vivavoce_wire::FromClient;

    fn hello(functions: &str) -> Hello {
        let text = format!(r#"{{"type":"hello","audio":{{"rate_hz":16000}},"functions":{functions}}}"#);
        let Ok(FromClient::Hello(hello)) = FromClient::decode(&text) else { panic!("{text}") };
        hello
    }

    fn own(name: &str) -> Tool {
        Tool {
            declaration: FunctionDeclaration { name: name.into(), ..FunctionDeclaration::default() },
            confirm: true,
            says: None,
            deadline: Duration::from_secs(5),
            scheduling: None,
        }
    }

    #[test]
    fn takes_of_a_page_what_is_listed_and_no_name_of_its_own() {
        let page_names = ["mail", "look", "odd"].map(String::from).to_vec();
        let mut known =
            Known::new(Tools { own: vec![own("mail")], page_names, page_deadline: Duration::ZERO });
        known.enters(&hello(
            r#"[{"name":"mail"},{"name":"look","parameters":{"type":"object"}},{"name":"other"},5,
                {"name":"odd","behavior":"ODD"},{"name":"look","description":"again"}]"#,
        ));
        let names: Vec<_> = known.all.iter().map(|f| (f.tool.declaration.name.as_str(), f.is_page)).collect();
        assert_eq!(names, [("mail", false), ("look", true)]);
        for odd in ["{}", "[]", "\"look\"", "null"] {
            known.enters(&hello(odd));
            assert!(known.find("look").is_none() && known.find("mail").is_some(), "{odd}");
        }
    }

    #[test]
    fn knows_names_that_the_service_takes() {
        for (name, is_one) in
            [("a", true), ("_a.b:c-9", true), ("9a", false), ("", false), ("ä", false), ("a b", false)]
        {
            assert_eq!(is_name(name), is_one, "{name}");
        }
        assert!(!is_name(&"a".repeat(129)));
    }
}
