//! Other settings for a proxy that runs.

use crate::config::Config;
use crate::environment::Environment;
use crate::house::House;
use crate::rules::Rules;
use crate::server::{StartError, objections};
use std::sync::Arc;

/// Gives a proxy other settings while it runs: calls that begin then have them, those that run keep theirs.
pub struct Reloader(Arc<House>);

impl Reloader {
    pub(crate) const fn new(house: Arc<House>) -> Self {
        Self(house)
    }

    /// Takes these settings in place of those before; says which of them only a restart changes.
    ///
    /// # Errors
    /// All that is wrong with them; then nothing changes.
    pub fn reload(
        &self,
        mut config: Config,
        environment: &Environment,
    ) -> Result<Vec<&'static str>, Vec<StartError>> {
        all_right(&config, environment)?;
        let former = self.0.rules();
        let waiting = config.keep_what_stays(&former.config);
        // Once more, for what is right with its own address may not be so with that before.
        all_right(&config, environment)?;
        let mut rules = Rules::new(config, environment, self.0.upstream)?;
        if environment.signing_keys.is_empty() {
            rules.admission.signs_as(&former.admission);
        }
        self.0.rule_by(rules);
        Ok(waiting)
    }
}

fn all_right(config: &Config, environment: &Environment) -> Result<(), Vec<StartError>> {
    let problems = objections(config, environment);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
