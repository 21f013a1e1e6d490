//! The proxy on its port: pages, calls, and an end in good order.

use crate::addresses::Addresses;
use crate::admission::Admission;
pub use crate::admission::opening::AdmissionError;
use crate::ahead::hear_out;
use crate::config::{Config, ToolSettings};
use crate::dial::Address;
use crate::environment::Environment;
use crate::house::{House, going_down};
use crate::metrics;
use crate::node;
use crate::reload::Reloader;
use crate::routes::{self, Peer};
use crate::rules::Rules;
use crate::store::memory::Memory;
use crate::store::shared::Shared;
use crate::store::{Away, Store};
use crate::upstream::{Target, TargetError};
use axum::http::HeaderName;
use core::fmt;
use core::time::Duration;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower_service::Service as _;
use vivavoce_wire::Code;
use vivavoce_wire::message::Upstream;

/// A proxy that has its port.
pub struct Server {
    listener: TcpListener,
    router: axum::Router,
    /// Where other proxies pass phones on, if there are any.
    nodes: Option<TcpListener>,
    /// Where operators ask, if that is to be had.
    operators: Option<TcpListener>,
    house: Arc<House>,
    is_built_in: bool,
}

/// All that is wrong with settings, before anything is tried.
pub fn objections(config: &Config, environment: &Environment) -> Vec<StartError> {
    let listen = config.listen;
    let target = Target::choose(config.upstream_url.as_deref(), environment.key.as_deref());
    // Where calls go decides nothing that could be wrong.
    let kind = target.as_ref().map_or(Upstream::Gemini, |target| target.kind);
    let upstream = target.err().map(StartError::Upstream);
    let page =
        config.page.clone().filter(|folder| !folder.is_dir()).map(|folder| StartError::Page { folder });
    let (is_configured, admission) = match Admission::open(&config.admission, environment, kind) {
        Ok(admission) => (admission.is_configured(), Vec::new()),
        Err(errors) => (true, errors),
    };
    let is_open = !listen.ip().to_canonical().is_loopback() && !is_configured;
    let open = is_open.then_some(StartError::OpenToAll { listen });
    let is_short = |tool: &&ToolSettings| {
        environment.secrets.get(&tool.secret_env).is_none_or(|secret| secret.len() < LEAST_TOOL_SECRET_BYTES)
    };
    let tools = config
        .tools
        .iter()
        .filter(is_short)
        .map(|tool| StartError::ToolSecret { tool: tool.name.clone(), variable: tool.secret_env.clone() });
    let registry = environment.redis_url.as_deref().and_then(|url| Shared::open(url, Duration::ZERO).err());
    let registry = registry.map(|Away(problem)| StartError::Registry { problem });
    let admission = admission.into_iter().map(StartError::Admission);
    [upstream, page, open, registry].into_iter().flatten().chain(admission).chain(tools).collect()
}

impl Server {
    /// Takes the port and, where that is the upstream, starts the simulator.
    ///
    /// # Errors
    /// Why the proxy cannot do what it was told, in a sentence.
    pub async fn open(config: Config, environment: &Environment) -> Result<Self, StartError> {
        if let Some(objection) = objections(&config, environment).into_iter().next() {
            return Err(objection);
        }
        let target = Target::choose(config.upstream_url.as_deref(), environment.key.as_deref())
            .map_err(StartError::Upstream)?;
        let listener = bind(config.listen).await?;
        let is_built_in = target.uri.is_none();
        let uri = match target.uri {
            Some(uri) => uri,
            None => crate::simulator::start().await.map_err(StartError::Simulator)?,
        };
        let page = config.page.clone().or_else(built_page);
        let headers =
            target.key.map(|key| (HeaderName::from_static("x-goog-api-key"), key)).into_iter().collect();
        let store = store(&config, environment)?;
        let nodes = if store.is_shared() { Some(bind(config.cluster.listen).await?) } else { None };
        let node = match (&config.cluster.address, &nodes) {
            (Some(address), _) => address.clone(),
            (None, Some(nodes)) => {
                reached_at(nodes.local_addr().map_err(StartError::Node)?, environment.hostname.as_deref())
            }
            (None, None) => String::new(),
        };
        let operators = operators(config.admin).await?;
        let service = Address::new(uri.to_string(), headers, &environment.authorities)
            .listening(vivavoce_gemini::voice);
        let rules =
            Rules::new(config, environment, target.kind).map_err(|mut errors| errors.swap_remove(0))?;
        let house = Arc::new(House::new(rules, service, target.kind, store, node));
        let router = routes::router(&house, page.as_deref());
        Ok(Self { listener, router, nodes, operators, house, is_built_in })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the system has them.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where operators ask, if there is such a place.
    pub fn operators(&self) -> Option<SocketAddr> {
        self.operators.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Who answers.
    pub fn upstream(&self) -> Upstream {
        self.house.upstream
    }

    /// Where that is.
    pub fn upstream_url(&self) -> &str {
        &self.house.service.url
    }

    /// Whether that is the simulator within.
    pub const fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Whether anybody but this machine can be let in.
    pub fn has_admission(&self) -> bool {
        self.house.rules().admission.is_configured()
    }

    /// The model that is asked for.
    pub fn model(&self) -> String {
        self.house.rules().config.gemini.model.clone()
    }

    /// What gives it other settings while it runs.
    pub fn reloader(&self) -> Reloader {
        Reloader::new(Arc::clone(&self.house))
    }

    /// Serves until `stop`, then takes no more, lets every call move to another proxy or says goodbye to it, and ends when
    /// they have ended.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let between_proxies = self.nodes.map(|nodes| {
            tokio::spawn(accept(nodes, node::router(&self.house), Arc::clone(&self.house), Guests::Ours))
        });
        let operators = self.operators.map(|operators| {
            tokio::spawn(accept(
                operators,
                metrics::router(&self.house),
                Arc::clone(&self.house),
                Guests::Ours,
            ))
        });
        // Who stands behind a reverse proxy is known by its headers alone.
        let addresses =
            (self.house.rules().config.trusted_hops == 0).then(|| Arc::clone(&self.house.addresses));
        tokio::select! {
            () = accept(self.listener, self.router, Arc::clone(&self.house), Guests::All(addresses)) => {}
            () = stop => {}
        }
        self.house.shutdown.send_replace(true);
        let drain =
            if self.house.store.is_shared() { self.house.rules().limits().drain } else { Duration::ZERO };
        let _ = timeout(drain + GOODBYE, self.house.shutdown.closed()).await;
        // Until then calls are reached from other proxies, and operators see them leave.
        between_proxies.into_iter().chain(operators).for_each(|task| task.abort());
    }
}

/// Where other proxies reach one that listens there: who listens at every address is reached by the machine's name.
fn reached_at(listens: SocketAddr, hostname: Option<&str>) -> String {
    match hostname.filter(|_| listens.ip().is_unspecified()) {
        Some(name) => format!("{name}:{}", listens.port()),
        None => listens.to_string(),
    }
}

/// Who comes to a port.
enum Guests {
    /// Anybody; their connections end when the process goes down. Of each address there are as many as it may have, where they are
    /// counted.
    All(Option<Arc<Addresses>>),
    /// Other proxies and operators, who are served to the end.
    Ours,
}

/// Takes connections, for as long as anybody wants that.
async fn accept(listener: TcpListener, router: axum::Router, house: Arc<House>, guests: Guests) {
    let (addresses, is_ours) = match guests {
        Guests::All(addresses) => (addresses, false),
        Guests::Ours => (None, true),
    };
    let connections = Arc::new(Semaphore::new(house.rules().limits().connections as usize));
    let refused = Arc::new(Semaphore::new(MOST_REFUSED));
    loop {
        let permit = Arc::clone(&connections).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                let most = house.rules().limits().connections_per_address;
                let connected = addresses.as_ref().map(|addresses| addresses.connect(peer.ip(), most));
                if matches!(connected, Some(None)) {
                    house.metrics.refuse(Code::Limited.name());
                    // They take no place from others; where too many are being told why, the rest is not.
                    if let Ok(told) = Arc::clone(&refused).try_acquire_owned() {
                        tokio::spawn(async move {
                            let _ = timeout(LAST_WORD, send_off(stream)).await;
                            drop(told);
                        });
                    }
                    continue;
                }
                let peer = Peer { address: peer, connected: connected.flatten().map(Arc::new) };
                let closes = (!is_ours).then(|| house.shutdown.subscribe());
                let connection = connection(stream, peer, router.clone(), house.rules(), closes);
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, mostly: those who hang up give some back.
                tracing::warn!(%error, "could not take a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Says that an address has all its connections, whatever it asks for.
async fn send_off(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(CROWDED).await?;
    hear_out(stream).await;
    Ok(())
}

/// The operators' address; where none was asked for, its being taken by another proxy is no reason not to start.
async fn operators(listen: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    match (listen, bind(listen.unwrap_or(OPERATORS)).await) {
        (_, Ok(listener)) => Ok(Some(listener)),
        (Some(_), Err(error)) => Err(error),
        (None, Err(error)) => {
            tracing::warn!("no metrics, unless [admin] listen names another address: {error}");
            Ok(None)
        }
    }
}

/// What outlives a call's process, or at least its connections.
fn store(config: &Config, environment: &Environment) -> Result<Arc<dyn Store>, StartError> {
    let keep = config.limits.grace + UNOWNED;
    Ok(match &environment.redis_url {
        Some(url) => {
            Arc::new(Shared::open(url, keep).map_err(|Away(problem)| StartError::Registry { problem })?)
        }
        None => Arc::new(Memory::new(keep)),
    })
}

/// Answers the requests of one connection, and ends it when the process goes down, if it `closes` then.
async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: axum::Router,
    rules: Arc<Rules>,
    closes: Option<watch::Receiver<bool>>,
) {
    prepare(&stream, rules.limits().unread.max(UNTAKEN));
    let service = service_fn(move |mut request| {
        request.extensions_mut().insert(peer.clone());
        router.clone().call(request)
    });
    let closes = async {
        match closes {
            Some(mut shutdown) => going_down(&mut shutdown).await,
            None => core::future::pending().await,
        }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(rules.limits().header_deadline)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closes => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Small frames at once; what the phone has not taken yet kept where an interruption can drop it; and an end to
/// connections that take nothing, of pages too, after `untaken`.
fn prepare(stream: &TcpStream, untaken: Duration) {
    let prepared = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let prepared = prepared.and_then(|()| {
        let socket = socket2::SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(untaken + UNTAKEN))?;
        socket.set_tcp_notsent_lowat(NOTSENT_BYTES)
    });
    #[cfg(not(target_os = "linux"))]
    let _ = untaken;
    if let Err(error) = prepared {
        tracing::debug!(%error, "a socket option was refused");
    }
}

/// Takes a port for a server of ours.
///
/// # Errors
/// Why not, naming the port and what to do.
pub(crate) async fn bind(listen: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(listen).await.map_err(|error| StartError::Port { listen, error })
}

/// What `npm run build` leaves behind, where there is such a thing.
fn built_page() -> Option<PathBuf> {
    Some(PathBuf::from("dist")).filter(|folder| folder.is_dir())
}

/// Why a proxy does not start.
#[derive(Debug)]
pub enum StartError {
    /// There is nowhere for calls to go.
    Upstream(TargetError),
    /// The simulator does not start.
    Simulator(io::Error),
    /// `REDIS_URL` is no address.
    Registry {
        /// What is wrong with it.
        problem: String,
    },
    /// It is not known where other proxies would reach this one.
    Node(io::Error),
    /// The port is not to be had.
    Port {
        /// Which.
        listen: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The folder of the page is none.
    Page {
        /// Which.
        folder: PathBuf,
    },
    /// Nobody could be admitted as the settings say.
    Admission(AdmissionError),
    /// A tool's requests could not be signed.
    ToolSecret {
        /// The tool.
        tool: String,
        /// The environment's variable that is not there.
        variable: String,
    },
    /// Anybody on the network could call at the operator's expense.
    OpenToAll {
        /// Where it was to listen.
        listen: SocketAddr,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(error) => error.fmt(f),
            Self::Simulator(error) => write!(f, "the built-in simulator does not start: {error}"),
            Self::Registry { problem } => write!(
                f,
                "REDIS_URL is no address of a Redis or Valkey, as in redis://:password@host:6379 (rediss:// for \
                 TLS): {problem}"
            ),
            Self::Node(error) => write!(f, "no address for other proxies: {error}"),
            Self::Port { listen, error } if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "port {} on {} is taken: stop the program that has it, or choose another port (0 takes any that \
                 is free)",
                listen.port(),
                listen.ip()
            ),
            Self::Port { listen, error } => write!(f, "cannot listen on {listen}: {error}"),
            Self::Page { folder } => write!(
                f,
                "the page's folder \"{}\" is not there: build it with `npm run build`, or name another",
                folder.display()
            ),
            Self::Admission(error) => error.fmt(f),
            Self::ToolSecret { tool, variable } => write!(
                f,
                "the environment has no {variable} of {LEAST_TOOL_SECRET_BYTES} bytes or more, with which requests to the tool \
                 {tool} are signed: set it to a random text that the webhook knows too, as `openssl rand -base64 32` makes"
            ),
            Self::OpenToAll { listen } => write!(
                f,
                "refusing to listen on {listen}: without admission, everybody on the network could call; set \
                 TELEGRAM_BOT_TOKEN or [admission] (docs/CONFIG.md), or listen on 127.0.0.1"
            ),
        }
    }
}

impl std::error::Error for StartError {}

/// Whoever sees a signed request can try out shorter ones.
const LEAST_TOOL_SECRET_BYTES: usize = 16;

/// How long such an address is listened to.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What an address hears that has all its connections.
const CROWDED: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nconnection: close\r\n\
                         retry-after: 5\r\ncontent-length: 121\r\n\r\n\
                         {\"error\":{\"code\":\"limited\",\"message\":\"Too many connections from this address: \
                         close some first.\",\"retry_after_ms\":5000}}\n";

/// Those of crowded addresses that are told so at one time.
const MOST_REFUSED: usize = 64;

/// One that takes nothing for this long takes nothing any more.
const UNTAKEN: Duration = Duration::from_secs(30);

/// Some 0.3 s of the model's voice: enough to keep a link busy, little enough to throw away.
#[cfg(target_os = "linux")]
const NOTSENT_BYTES: u32 = 16 * 1024;

/// Where operators look unless told otherwise.
const OPERATORS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9003);

/// A call that nobody has is remembered for as long as its phone is waited for, and so much more.
const UNOWNED: Duration = Duration::from_secs(60);

/// How long calls may take to end when the process goes down.
const GOODBYE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_at_every_address_is_reached_by_name() {
        let reached = |listens: &str, name| reached_at(listens.parse().unwrap(), name);
        assert_eq!(reached("0.0.0.0:8004", Some("proxy-1")), "proxy-1:8004");
        assert_eq!(reached("[::]:8004", Some("proxy-1")), "proxy-1:8004");
        assert_eq!(reached("127.0.0.1:8004", Some("proxy-1")), "127.0.0.1:8004");
        assert_eq!(reached("0.0.0.0:8004", None), "0.0.0.0:8004");
    }
}
