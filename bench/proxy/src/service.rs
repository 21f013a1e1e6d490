//! The service: answers at once, so that a round trip is the proxy's time and two sockets'.

use crate::dialect::noise;
use crate::mark;
use crate::socket::{self, BINARY, CLOSE, Mouth, PING, PONG};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Serves until it is ended; says where, once it listens.
pub async fn serve(port: u16, handle_every: Duration) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?.port());
    let voice: Rc<str> = STANDARD.encode(&noise(DOWN_BYTES)[mark::BYTES..]).into();
    let elsewhere = elsewhere();
    for call in 0_u32.. {
        let (stream, _) = listener.accept().await?;
        let (voice, elsewhere) = (Rc::clone(&voice), elsewhere.clone());
        // Calls that began together are not given their handles together.
        let first_after = handle_every.mul_f64((f64::from(call) * GOLDEN_RATIO).fract());
        tokio::task::spawn_local(async move {
            // One that hangs up concerns nobody else.
            if let Ok(Some(flood)) = attend(stream, &voice, first_after, handle_every).await {
                let _ = elsewhere.send(flood);
            }
        });
    }
    Ok(())
}

/// Who asks for nothing and only sends is heard out on a thread that gives way to all others, as if on another machine: the service
/// has one for each call, and none of the honest waits there.
fn elsewhere() -> mpsc::UnboundedSender<TcpStream> {
    let (send, mut receive) = mpsc::unbounded_channel::<TcpStream>();
    let machine = move || -> io::Result<()> {
        rustix::process::setpriority_process(None, LOWEST)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let floods = async {
            while let Some(stream) = receive.recv().await {
                let mut stream = TcpStream::from_std(stream.into_std()?)?;
                tokio::task::spawn_local(async move {
                    let mut room = vec![0; 64 * 1024];
                    while stream.read(&mut room).await.is_ok_and(|count| count > 0) {}
                });
            }
            Ok(())
        };
        runtime.block_on(tokio::task::LocalSet::new().run_until(floods))
    };
    std::thread::spawn(machine);
    send
}

/// One call from its setup to its end; the stream of one that floods.
async fn attend(
    stream: TcpStream,
    voice: &str,
    first_after: Duration,
    handle_every: Duration,
) -> io::Result<Option<TcpStream>> {
    let (mut ear, mut mouth) = socket::answer(stream).await?;
    let (mut is_set_up, mut unmarked, mut heard, mut handle_at) =
        (false, 0, 0_u64, Instant::now() + first_after);
    while let Some(frame) = ear.next().await {
        match frame.opcode {
            PING => mouth.say(PONG, &[]).await?,
            CLOSE => {
                mouth.say(CLOSE, &[&frame.payload[..frame.payload.len().min(2)]]).await?;
                return Ok(None);
            }
            PONG => {}
            _ if !is_set_up => {
                is_set_up = true;
                mouth.say(BINARY, &[br#"{"setupComplete":{}}"#]).await?;
                handle(&mut mouth, 0).await?;
            }
            _ => {
                let Some(letters) = mark::letters(frame.payload) else {
                    unmarked += 1;
                    if unmarked > MOST_UNMARKED {
                        return socket::whole(ear, mouth).map(Some);
                    }
                    continue;
                };
                heard += 1;
                if heard.is_multiple_of(2) {
                    mouth.say(BINARY, &[BEFORE, letters, voice.as_bytes(), AFTER]).await?;
                    if !handle_every.is_zero() && Instant::now() >= handle_at {
                        handle_at += handle_every;
                        handle(&mut mouth, heard).await?;
                    }
                }
            }
        }
    }
    Ok(None)
}

async fn handle(mouth: &mut Mouth, heard: u64) -> io::Result<()> {
    let update = format!(
        r#"{{"sessionResumptionUpdate":{{"newHandle":"4d5f0c1e-7a36-4b0e-9c55-{heard:012x}","resumable":true}}}}"#
    );
    mouth.say(BINARY, &[update.as_bytes()]).await
}

/// Every frame of an honest call bears a mark.
const MOST_UNMARKED: u32 = 25;
const LOWEST: i32 = 19;
/// Multiples of it are spread evenly between whole numbers, however many there are.
const GOLDEN_RATIO: f64 = 1.618_033_988_749_895;
/// Around 40 ms of the model's voice.
const BEFORE: &[u8] =
    br#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":""#;
const AFTER: &[u8] = br#""}}]}}}"#;
/// 40 ms at 24 kHz.
const DOWN_BYTES: usize = 1_920;
