//! What a call is led by: the settings, and what is made of them. A reload makes others, for the calls that begin then.

use crate::admission::Admission;
use crate::config::{Config, Limits};
use crate::environment::Environment;
use crate::server::StartError;
use crate::tools::Toolbox;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use vivavoce_gemini::Setup;
use vivavoce_session::{Earlier, RelayConfig};
use vivavoce_wire::message::Upstream;

/// Settings of a proxy, from one reload to the next; a call keeps those with which it began.
pub(crate) struct Rules {
    pub(crate) config: Config,
    pub(crate) admission: Admission,
    /// What the model may use.
    pub(crate) toolbox: Arc<Toolbox>,
    /// Who answers, for people.
    upstream: Upstream,
    setup: Setup,
}

impl Rules {
    /// What these settings and secrets make of them, where calls go to `upstream`.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn new(
        config: Config,
        environment: &Environment,
        upstream: Upstream,
    ) -> Result<Self, Vec<StartError>> {
        let admission = Admission::open(&config.admission, environment, upstream)
            .map_err(|errors| errors.into_iter().map(StartError::Admission).collect::<Vec<_>>())?;
        Ok(Self {
            admission,
            toolbox: Arc::new(Toolbox::new(&config, environment)),
            upstream,
            setup: crate::setup::setup(&config.gemini),
            config,
        })
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// What the relay of a call named `call` must know; where it goes on with an earlier conversation, that was led with
    /// `model`.
    pub(crate) fn relay_config(
        &self,
        call: String,
        earlier: Option<Earlier>,
        model: Option<String>,
    ) -> RelayConfig {
        let (gemini, limits) = (&self.config.gemini, &self.config.limits);
        let mut setup = self.setup.clone();
        setup.model = model.unwrap_or(setup.model);
        RelayConfig {
            call,
            setup,
            upstream: self.upstream,
            silence_duration: Duration::from_millis(gemini.silence_duration_ms.into()),
            greeting: gemini.greeting.clone(),
            max_frame_bytes: limits.max_frame_bytes,
            other_models: gemini.other_models.iter().map(|model| crate::setup::model(model)).collect(),
            seed: RandomState::new().build_hasher().finish(),
            answer_deadline: limits.answer_deadline,
            setup_deadline: limits.setup_deadline,
            most_ahead: limits.ahead,
            most_kept: limits.kept,
            grace: limits.grace,
            hold: limits.hold,
            longest: limits.longest,
            idle: limits.idle,
            tools: self.toolbox.tools(),
            earlier,
        }
    }
}
