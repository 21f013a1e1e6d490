//! The model's voice.

use crate::grammar::word;
use bytes::Bytes;
use serde_json::Value;

word! {
    /// How the model sounds.
    pub struct SpeechConfig {
        /// Its voice.
        voice_config "voiceConfig": Option<VoiceConfig>,
        /// Its language; models of native audio choose it themselves and take none.
        language_code "languageCode": Option<String>,
        /// Several voices; not in live sessions.
        multi_speaker_voice_config "multiSpeakerVoiceConfig": Option<Value>,
    }
}

word! {
    /// A voice, one of two ways.
    pub struct VoiceConfig {
        /// A ready-made one.
        prebuilt_voice_config "prebuiltVoiceConfig": Option<PrebuiltVoiceConfig>,
        /// A copy of someone's.
        replicated_voice_config "replicatedVoiceConfig": Option<ReplicatedVoiceConfig>,
    }
}

word! {
    /// A ready-made voice.
    pub struct PrebuiltVoiceConfig {
        /// Its name, such as `Kore`; case matters.
        voice_name "voiceName": String,
    }
}

word! {
    /// A copy of someone's voice.
    pub struct ReplicatedVoiceConfig {
        /// `audio/wav`: 16 bit at 24 kHz.
        mime_type "mimeType": String,
        /// The voice.
        voice_sample_audio "voiceSampleAudio": Bytes as "crate::grammar::plain",
        /// Its owner agreeing.
        consent_audio "consentAudio": Option<Bytes> as "crate::grammar::maybe",
        /// In place of the agreement, the service's word that it has heard it.
        voice_consent_signature "voiceConsentSignature": Option<VoiceConsentSignature>,
    }
}

word! {
    /// The service's word that it has heard a voice's owner agree.
    pub struct VoiceConsentSignature {
        /// Opaque.
        signature: String,
    }
}

impl SpeechConfig {
    /// The ready-made voice of that name.
    pub fn prebuilt(voice_name: impl Into<String>) -> Self {
        let prebuilt = PrebuiltVoiceConfig { voice_name: voice_name.into() };
        let voice = VoiceConfig { prebuilt_voice_config: Some(prebuilt), ..VoiceConfig::default() };
        Self { voice_config: Some(voice), ..Self::default() }
    }

    /// The name of the ready-made voice, if one is chosen.
    pub fn voice_name(&self) -> Option<&str> {
        let prebuilt = self.voice_config.as_ref()?.prebuilt_voice_config.as_ref()?;
        Some(&prebuilt.voice_name)
    }
}
