//! What each command does, and the exit code that says how it went.

use crate::admission::opening::{MintError, mint};
use crate::command::{Command, Settings};
use crate::config::Config;
use crate::environment::Environment;
use crate::files::provide_for;
use crate::priority::give_way;
use crate::reload::Reloader;
use crate::server::{Server, StartError, bind, objections};
use crate::simulator;
use crate::talk::{Outcome, Talk, TalkError};
#[cfg(feature = "otel")]
use crate::{telemetry::Telemetry, tools::way::Way};
use core::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::{Builder, Handle};
use tokio::signal;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};
use vivavoce_sim::Options;
use vivavoce_wire::message::Upstream;

/// Looks a setting up in the environment.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

/// Does what a command says, to its end.
pub fn run(command: Command, lookup: Lookup<'_>) -> ExitCode {
    let mut builder = Builder::new_multi_thread();
    if matches!(command, Command::Serve { .. }) {
        builder.on_thread_start(give_way);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format_args!("cannot start: {error}"), ExitCode::FAILURE),
    };
    let environment = match Environment::read(lookup) {
        Ok(environment) => environment,
        Err(error) => return fail(&error, ExitCode::FAILURE),
    };
    let log = match Log::start(lookup, &environment, runtime.handle()) {
        Ok(log) => log,
        Err(problem) => return fail(&problem, ExitCode::FAILURE),
    };
    let code = runtime.block_on(async {
        let bell = match Bell::hang() {
            Ok(bell) => bell,
            Err(error) => return fail(&format_args!("cannot hear signals: {error}"), ExitCode::FAILURE),
        };
        match command {
            Command::Serve(words) => serve(|| settings(&words, lookup), bell).await,
            Command::Sim { port, script, time_scale, certificate } => {
                match simulator::options(script.as_deref(), time_scale, certificate.as_deref()) {
                    Ok(options) => sim(port, options, bell).await,
                    Err(error) => fail(&error, ExitCode::FAILURE),
                }
            }
            Command::Talk { files, url, ticket, mode, output, json } => {
                talk(&Talk { files, url, ticket, mode, output, environment }, json, bell).await
            }
            Command::Check(words) => check(&settings(&words, lookup)),
            Command::Ticket { user, bot, native, expires_in } => {
                let until = core::time::Duration::from_secs(expires_in);
                print_ticket(mint(&environment, &user, bot, native, until))
            }
        }
    });
    log.end();
    runtime.shutdown_background();
    code
}

/// The settings of a file, as the command line changes them, and the environment with the secrets that they name.
fn settings(words: &Settings, lookup: Lookup<'_>) -> Result<(Config, Environment), Vec<String>> {
    let mut environment = Environment::read(lookup).map_err(|error| vec![error.to_string()])?;
    let mut config = read(words.config.as_deref())?;
    environment.learn(config.secret_names(), lookup);
    config.listen = words.listen.unwrap_or(config.listen);
    config.upstream_url = words.upstream.clone().or(config.upstream_url);
    config.page = words.page.clone().or(config.page);
    config.admission.local = words.local.then_some(true).or(config.admission.local);
    Ok((config, environment))
}

/// All that is wrong with settings, in sentences.
fn problems(settings: &Result<(Config, Environment), Vec<String>>) -> Vec<String> {
    match settings {
        Ok((config, environment)) => {
            objections(config, environment).iter().map(StartError::to_string).collect()
        }
        Err(problems) => problems.clone(),
    }
}

async fn serve(read: impl Fn() -> Result<(Config, Environment), Vec<String>>, bell: Bell) -> ExitCode {
    let settings = read();
    let problems = problems(&settings);
    let Ok((config, environment)) = settings else { return fail_all(&problems) };
    if !problems.is_empty() {
        return fail_all(&problems);
    }
    provide_for(&config.limits);
    let knocks = match Knocks::hear() {
        Ok(knocks) => knocks,
        Err(error) => return fail(&format_args!("cannot hear signals: {error}"), ExitCode::FAILURE),
    };
    let server = match Server::open(config, &environment).await {
        Ok(server) => server,
        Err(error) => return fail(&error, ExitCode::FAILURE),
    };
    if let Err(error) = announce(&server) {
        return fail(&format_args!("cannot say where I listen: {error}"), ExitCode::FAILURE);
    }
    // The threads that lead calls are there, and do not.
    give_way();
    let reloader = server.reloader();
    tokio::select! {
        () = server.run(bell.rings()) => {}
        () = knocks.each(|| reload(&reloader, read())) => {}
    }
    ExitCode::SUCCESS
}

/// Takes other settings if they are all right, and says so or what is wrong.
fn reload(reloader: &Reloader, read: Result<(Config, Environment), Vec<String>>) {
    let taken = read.and_then(|(config, environment)| {
        reloader
            .reload(config, &environment)
            .map_err(|errors| errors.iter().map(StartError::to_string).collect())
    });
    match taken {
        Ok(waiting) => {
            tracing::info!("the settings were read again: calls that begin from here on have them");
            if !waiting.is_empty() {
                tracing::warn!("what changed of {} waits for a restart", waiting.join(", "));
            }
        }
        Err(problems) => {
            for problem in problems {
                tracing::error!("the settings stay as they were: {problem}");
            }
        }
    }
}

/// Says who answers and, last, where: whoever starts this program waits for that line.
fn announce(server: &Server) -> io::Result<()> {
    let model = server.model();
    let who = match server.upstream() {
        Upstream::Simulator if server.is_built_in() => {
            "calls go to the built-in simulator; set GEMINI_API_KEY to talk with Gemini".to_owned()
        }
        Upstream::Simulator => format!("calls go to the simulator at {}", server.upstream_url()),
        Upstream::Gemini => format!("calls go to Gemini ({model})"),
    };
    if server.upstream() == Upstream::Gemini && !server.has_admission() {
        tracing::warn!(
            "no admission is configured: everybody on this machine can call at the expense of your key"
        );
    }
    let address = server.address()?;
    let mut out = io::stdout().lock();
    writeln!(out, "{who}\nlistening on http://{address}")?;
    out.flush()
}

async fn sim(port: u16, options: Options, bell: Bell) -> ExitCode {
    let listener = match bind((Ipv4Addr::LOCALHOST, port).into()).await {
        Ok(listener) => listener,
        Err(error) => return fail(&error, ExitCode::FAILURE),
    };
    let announced = listener.local_addr().and_then(|address| {
        let mut out = io::stdout().lock();
        writeln!(out, "listening on http://{address}")?;
        out.flush()
    });
    if let Err(error) = announced {
        return fail(&format_args!("cannot say where I listen: {error}"), ExitCode::FAILURE);
    }
    tokio::select! {
        served = vivavoce_sim::serve(listener, options) => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format_args!("the simulator ended: {error}"), ExitCode::FAILURE),
        },
        () = bell.rings() => ExitCode::SUCCESS,
    }
}

async fn talk(talk: &Talk, json: bool, bell: Bell) -> ExitCode {
    let mut progress = io::stderr();
    let outcome = tokio::select! {
        outcome = talk.run(&mut progress) => outcome,
        () = bell.rings() => return ExitCode::from(INTERRUPTED),
    };
    match outcome {
        Ok(outcome) => match print(&outcome, json) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::FAILURE,
        },
        Err(error @ (TalkError::Wav(_) | TalkError::Url { .. })) => fail(&error, ExitCode::from(MISUSED)),
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
}

fn print(outcome: &Outcome, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", serde_json::to_string(outcome)?);
    }
    writeln!(out, "connected after     {:>8.1} ms", outcome.connect_ms)?;
    for turn in &outcome.turns {
        writeln!(out, "\n{}", turn.file)?;
        writeln!(out, "  heard             {}", turn.user_transcript)?;
        writeln!(out, "  answer            {}", turn.model_transcript)?;
        if let Some(first_audio_ms) = turn.first_audio_ms {
            writeln!(out, "  first sound after {first_audio_ms:>8.1} ms, counted from the file's end")?;
        }
        writeln!(out, "  complete after    {:>8.1} ms", turn.turn_ms)?;
        let (seconds, cut) =
            (turn.reply_samples as f64 / 24_000.0, if turn.interrupted { ", cut off" } else { "" });
        writeln!(out, "  length            {seconds:>8.2} s ({} samples{cut})", turn.reply_samples)?;
    }
    Ok(())
}

/// Prints a ticket alone, for scripts to take.
fn print_ticket(ticket: Result<String, MintError>) -> ExitCode {
    match ticket {
        Ok(ticket) => match writeln!(io::stdout(), "{ticket}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::FAILURE,
        },
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
}

fn check(settings: &Result<(Config, Environment), Vec<String>>) -> ExitCode {
    let problems = problems(settings);
    if !problems.is_empty() {
        return fail_all(&problems);
    }
    let written = writeln!(io::stdout(), "the settings are all right");
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The settings; without a file, the defaults.
fn read(file: Option<&Path>) -> Result<Config, Vec<String>> {
    let Some(file) = file else { return Ok(Config::default()) };
    let name = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| vec![format!("cannot read \"{name}\": {error}")])?;
    Config::parse(&text)
        .map_err(|problems| problems.iter().map(|problem| format!("{name}: {problem}")).collect())
}

/// Hears Ctrl-C and the system's wish that we end, from the moment on that it is there.
struct Bell {
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
    #[cfg(unix)]
    terminate: signal::unix::Signal,
}

impl Bell {
    #[cfg(unix)]
    fn hang() -> io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn rings(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn hang() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn rings(self) {
        let _ = signal::ctrl_c().await;
    }
}

/// Hears the system's wish that the settings are read again (SIGHUP), from the moment on that it is there.
struct Knocks {
    #[cfg(unix)]
    hangup: signal::unix::Signal,
}

impl Knocks {
    #[cfg(unix)]
    fn hear() -> io::Result<Self> {
        Ok(Self { hangup: signal::unix::signal(signal::unix::SignalKind::hangup())? })
    }

    /// Does something at each, as long as there can be more.
    #[cfg(unix)]
    async fn each(mut self, act: impl Fn()) {
        while self.hangup.recv().await.is_some() {
            act();
        }
        core::future::pending::<()>().await;
    }

    #[cfg(not(unix))]
    fn hear() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn each(self, _act: impl Fn()) {
        core::future::pending::<()>().await;
    }
}

/// What is told to operators while the program runs.
struct Log {
    #[cfg(feature = "otel")]
    telemetry: Option<Telemetry>,
}

impl Log {
    /// Starts it: text or JSON on the standard error, as `VIVAVOCE_LOG` says, of what `RUST_LOG` says; and with the feature `otel`
    /// spans to a collector.
    ///
    /// # Errors
    /// What is wrong with the variables, in a sentence.
    #[cfg_attr(not(feature = "otel"), allow(unused_variables, reason = "nothing is sent anywhere"))]
    fn start(lookup: Lookup<'_>, environment: &Environment, runtime: &Handle) -> Result<Self, String> {
        let filter = EnvFilter::new(lookup("RUST_LOG").unwrap_or_else(|| "info".to_owned()));
        let log = fmt::layer().with_writer(io::stderr).with_target(false);
        let log = match lookup("VIVAVOCE_LOG").as_deref() {
            None | Some("" | "text") => log.with_ansi(io::stderr().is_terminal()).boxed(),
            Some("json") => log.json().flatten_event(true).with_span_list(false).boxed(),
            Some(other) => return Err(format!("VIVAVOCE_LOG is \"text\" or \"json\"; found \"{other}\"")),
        };
        let subscriber = registry().with(log.with_filter(filter));
        #[cfg(feature = "otel")]
        let telemetry = Telemetry::open(lookup, Way::new(&environment.authorities), runtime.clone())
            .map_err(|problem| format!("no spans can be sent as OTEL_EXPORTER_OTLP_… say: {problem}"))?;
        #[cfg(feature = "otel")]
        let subscriber = subscriber.with(telemetry.as_ref().map(Telemetry::layer));
        // A second log in one process, as in tests, is no reason to fail.
        let _ = subscriber.try_init();
        Ok(Self {
            #[cfg(feature = "otel")]
            telemetry,
        })
    }

    /// Sends what is left, where it is sent.
    fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(telemetry) = self.telemetry {
            telemetry.close();
        }
    }
}

fn fail_all(problems: &[String]) -> ExitCode {
    for problem in problems {
        fail(problem, ExitCode::FAILURE);
    }
    ExitCode::FAILURE
}

/// Says why not, where people look.
fn fail(why: &dyn Display, code: ExitCode) -> ExitCode {
    // Without a terminal there is nobody to tell.
    let _ = writeln!(io::stderr(), "vivavoce: {why}");
    code
}

/// As for a command line that is none.
const MISUSED: u8 = 2;

/// As shells count an interruption.
const INTERRUPTED: u8 = 130;
