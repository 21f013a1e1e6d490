//! Calls from the terminal, from the file to the answer.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::f32::consts::TAU;
use stage::{Folder, Proxy, nobody, patiently, simulator};
use std::path::PathBuf;
use vivavoce_proxy::environment::Environment;
use vivavoce_proxy::talk::{Outcome, Talk, TalkError};
use vivavoce_wire::message::Mode;

#[tokio::test]
async fn files_of_every_rate_are_answered() {
    let (folder, proxy) = (Folder::new("rates"), Proxy::to(simulator("").await).await);
    let call = async |rate_hz| (rate_hz, talk(&proxy, vec![voice(&folder, rate_hz)], None).await);
    let calls = [6_000, 8_000, 44_100, 48_000, 96_000].map(call);
    for (rate_hz, outcome) in futures_util::future::join_all(calls).await {
        let figures = &outcome.unwrap().first;
        assert!(figures.reply_samples > 12_000, "{rate_hz}: {figures:?}");
        assert!(figures.user_transcript.contains("of speech"), "{rate_hz}: {figures:?}");
        assert!(figures.turn_ms >= figures.first_audio_ms.unwrap(), "{rate_hz}: {figures:?}");
        assert!(!figures.interrupted, "{rate_hz}: {figures:?}");
    }
}

#[tokio::test]
async fn several_files_are_several_turns_of_one_call() {
    let (folder, proxy) = (Folder::new("turns"), Proxy::to(simulator("").await).await);
    let files = vec![voice(&folder, 16_000), voice(&folder, 22_050)];
    let output = folder.0.join("reply.wav");
    let outcome = talk(&proxy, files, Some(output.clone())).await.unwrap();
    assert_eq!(outcome.turns.len(), 2);
    let reply = hound::WavReader::open(output).unwrap();
    assert_eq!(
        (reply.spec().sample_rate, reply.spec().channels, reply.spec().bits_per_sample),
        (24_000, 1, 16)
    );
    let samples: u64 = outcome.turns.iter().map(|turn| turn.reply_samples).sum();
    assert_eq!(u64::from(reply.len()), samples);
}

#[tokio::test]
async fn the_object_has_the_promised_fields() {
    let (folder, proxy) = (Folder::new("fields"), Proxy::to(simulator("").await).await);
    let outcome = talk(&proxy, vec![voice(&folder, 16_000)], None).await.unwrap();
    let json = serde_json::to_value(outcome).unwrap();
    for field in ["connect_ms", "first_audio_ms", "turn_ms", "reply_samples"] {
        assert!(json[field].is_number(), "{field}: {json}");
    }
    assert!(json["user_transcript"].is_string() && json["model_transcript"].is_string(), "{json}");
    assert_eq!(json["interrupted"], false);
}

#[tokio::test]
async fn wavs_of_every_depth_are_read() {
    use hound::SampleFormat::{Float, Int};
    let (folder, proxy) = (Folder::new("depths"), Proxy::to(nobody().await).await);
    for (bits_per_sample, sample_format, channels) in
        [(8, Int, 1), (16, Int, 2), (24, Int, 6), (32, Int, 1), (32, Float, 2)]
    {
        let spec = hound::WavSpec { channels, sample_rate: 16_000, bits_per_sample, sample_format };
        let file = folder.0.join(format!("{bits_per_sample}{sample_format:?}.wav"));
        let mut writer = hound::WavWriter::create(&file, spec).unwrap();
        for _ in 0..320 * channels {
            match sample_format {
                Int => writer.write_sample(1_i32 << (bits_per_sample - 2)).unwrap(),
                Float => writer.write_sample(0.5_f32).unwrap(),
            }
        }
        writer.finalize().unwrap();
        // Nobody answers, but only a file that was read comes that far.
        let error = talk(&proxy, vec![file], None).await.err().unwrap();
        assert!(matches!(error, TalkError::Ended { .. }), "{bits_per_sample} {sample_format:?}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_wav_is_said_to_be_none() {
    let (folder, proxy) = (Folder::new("none"), Proxy::to(nobody().await).await);
    let good = std::fs::read(voice(&folder, 16_000)).unwrap();
    let at_rate = |rate_hz: u32| {
        let mut wav = good.clone();
        wav[24..28].copy_from_slice(&rate_hz.to_le_bytes());
        wav[28..32].copy_from_slice(&(rate_hz * 2).to_le_bytes());
        wav
    };
    for (name, content, words) in [
        ("text.wav", b"hello".to_vec(), "no WAV"),
        ("empty.wav", Vec::new(), "no WAV"),
        ("cut.wav", good[..30].to_vec(), "no WAV"),
        ("silent.wav", good[..44].to_vec(), "holds no sound"),
        ("zero.wav", at_rate(0), "0 samples a second"),
        ("huge.wav", at_rate(1_000_000_000), "1000000000 samples a second"),
    ] {
        let error = talk(&proxy, vec![folder.file(name, content)], None).await.err().unwrap();
        assert!(matches!(error, TalkError::Wav(_)), "{name}: {error}");
        assert!(error.to_string().contains(words) && error.to_string().contains(name), "{name}: {error}");
    }
    let error = talk(&proxy, vec![folder.0.join("absent.wav")], None).await.err().unwrap();
    assert!(error.to_string().contains("cannot read"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_said_to_be_so() {
    let folder = Folder::new("absent");
    let talk = Talk {
        files: vec![voice(&folder, 16_000)],
        url: format!("ws://{}/ws", nobody().await),
        ticket: None,
        mode: Mode::Open,
        output: None,
        environment: Environment::default(),
    };
    let error = patiently(talk.run(&mut Vec::new())).await.err().unwrap();
    assert!(matches!(error, TalkError::Ended { .. }), "{error}");
}

async fn talk(proxy: &Proxy, files: Vec<PathBuf>, output: Option<PathBuf>) -> Result<Outcome, TalkError> {
    let talk = Talk {
        files,
        url: proxy.url(),
        ticket: None,
        mode: Mode::Open,
        output,
        environment: Environment::default(),
    };
    patiently(talk.run(&mut Vec::new())).await
}

/// A second of something like a voice: a buzz whose loudness moves.
fn voice(folder: &Folder, rate_hz: u32) -> PathBuf {
    let file = folder.0.join(format!("{rate_hz}.wav"));
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: rate_hz, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(&file, spec).unwrap();
    for index in 0..rate_hz {
        let at = index as f32 / rate_hz as f32;
        let buzz: f32 =
            (1..12).map(|harmonic| (TAU * 140.0 * harmonic as f32 * at).sin() / harmonic as f32).sum();
        let loudness = 0.2 + 0.1 * (TAU * 4.0 * at).sin();
        writer.write_sample((buzz * loudness * 20_000.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
    file
}
