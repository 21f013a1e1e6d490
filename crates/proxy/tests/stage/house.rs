//! Several proxies, and what they share.

use super::redis::Redis;
use super::tape::resumed;
use super::{Folder, Proxy, nobody, patiently, program, simulator};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;
use vivavoce_proxy::config::Config;
use vivavoce_proxy::environment::Environment;

/// What several proxies share: a registry and a service.
pub(crate) struct House {
    pub(crate) redis: Redis,
    service: SocketAddr,
    pub(crate) folder: Folder,
}

impl House {
    /// One whose service does as `script` says, and writes all down.
    pub(crate) async fn open(name: &str, script: &str) -> Self {
        let folder = Folder::new(name);
        let script = format!("record = \"{}\"\n{script}", folder.0.display());
        Self { redis: Redis::start().await, service: simulator(&script).await, folder }
    }

    /// One whose service has two short answers.
    pub(crate) async fn of_two_answers(name: &str) -> Self {
        let script = "
            [[turn]]
            audio = { tone = { hz = 330, ms = 300 } }
            [[turn]]
            audio = { tone = { hz = 440, ms = 300 } }";
        Self::open(name, script).await
    }

    /// A proxy in this process.
    pub(crate) async fn proxy(&self) -> Proxy {
        self.proxy_with(|_| {}).await
    }

    /// The same with other settings than the defaults.
    pub(crate) async fn proxy_with(&self, change: impl FnOnce(&mut Config)) -> Proxy {
        let environment = Environment { redis_url: Some(self.redis.url()), ..Environment::default() };
        let upstream = format!("ws://{}", self.service);
        let settings = |config: &mut Config| {
            config.upstream_url = Some(upstream);
            change(config);
        };
        Proxy::within(settings, environment).await
    }

    /// A proxy in a process of its own.
    pub(crate) async fn process(&self) -> Process {
        self.process_at(([127, 0, 0, 1], 0).into()).await
    }

    /// The same at an address of the story's choice.
    pub(crate) async fn process_at(&self, listen: SocketAddr) -> Process {
        let (child, address) = program::serve(|command| {
            command.args(["--listen", &listen.to_string(), "--upstream", &format!("ws://{}", self.service)]);
            command.env("REDIS_URL", self.redis.url());
        })
        .await;
        Process { child, address }
    }

    /// How the service answered the setups of all its connections.
    pub(crate) fn setups(&self) -> Vec<bool> {
        resumed(&self.folder)
    }
}

/// A proxy in a process of its own.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

/// nginx as `deploy/nginx.conf` sets it up, in front of these.
pub(crate) struct Nginx {
    _process: Child,
    pub(crate) address: SocketAddr,
    _folder: Folder,
}

impl Nginx {
    pub(crate) async fn before(proxies: [SocketAddr; 2]) -> Self {
        let folder = Folder::new("nginx");
        let address = nobody().await;
        let shipped =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx.conf")).unwrap();
        let mut settings = shipped.clone();
        for (here, there) in
            [("127.0.0.1:8003", proxies[0]), ("127.0.0.1:8013", proxies[1]), ("127.0.0.1:8080", address)]
        {
            assert!(settings.contains(here), "{here} is in it");
            settings = settings.replace(here, &there.to_string());
        }
        let file = folder.file("nginx.conf", settings);
        let process =
            Command::new(if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" })
                .args(["-p", folder.0.to_str().unwrap(), "-e", "stderr", "-c", file.to_str().unwrap()])
                .args([
                    "-g",
                    &format!("daemon off; master_process off; pid {}/nginx.pid;", folder.0.display()),
                ])
                .kill_on_drop(true)
                .spawn()
                .expect("nginx is installed");
        patiently(async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        Self { _process: process, address, _folder: folder }
    }
}
