//! Sound on the wire: a header of [`HEADER_BYTES`] and samples, little-endian throughout.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | kind: 1 microphone, 2 model |
//! | 1 | 1 | codec: 0 PCM (signed 16 bit, mono) |
//! | 2 | 2 | zero |
//! | 4 | 4 | turn epoch |
//! | 8 | 4 | sequence |
//! | 12 | 8 | position of the first sample |
//! | 20 | … | samples |

use bytes::{Buf, BufMut, Bytes, BytesMut};
use core::fmt;

/// A piece of one voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFrame {
    /// Whose voice it is.
    pub kind: Kind,
    /// How the samples are packed.
    pub codec: Codec,
    /// The model's turn that this belongs to. From the microphone: the newest turn that the
    /// speaker could have heard. 0 before any turn.
    pub epoch: u32,
    /// Number of this frame in its direction of the call, from 0: one count with all that is numbered there.
    pub sequence: u32,
    /// Index of the first sample: in the call for the microphone, in the turn for the model.
    pub position: u64,
    /// The samples, as the codec packs them.
    pub payload: Bytes,
}

/// Whose voice a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Client to proxy, at the rate declared in `hello`.
    Microphone = 1,
    /// Proxy to client, 24 kHz.
    Model = 2,
}

/// How samples are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Signed 16 bit, little-endian, mono.
    Pcm = 0,
}

impl AudioFrame {
    /// The frame as bytes.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.bytes());
        self.write(&mut bytes);
        bytes.freeze()
    }

    /// Bytes that it takes.
    pub const fn bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// Appends the frame, where it goes out from.
    pub fn write(&self, out: &mut impl BufMut) {
        out.put_u8(self.kind as u8);
        out.put_u8(self.codec as u8);
        out.put_u16_le(0);
        out.put_u32_le(self.epoch);
        out.put_u32_le(self.sequence);
        out.put_u64_le(self.position);
        out.put_slice(&self.payload);
    }

    /// Reads a frame; the payload is `bytes`' memory, which nobody else need share.
    ///
    /// # Errors
    /// Says what was expected where: see [`FrameError`].
    pub fn decode(mut bytes: Bytes) -> Result<Self, FrameError> {
        let Some(&header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::Short { found: bytes.len() });
        };
        let kind = Kind::try_from(header[0])?;
        let codec = Codec::try_from(header[1])?;
        if header[2..4] != [0, 0] {
            return Err(FrameError::Reserved { found: u16::from_le_bytes([header[2], header[3]]) });
        }
        bytes.advance(HEADER_BYTES);
        let payload = bytes;
        if codec == Codec::Pcm && payload.len() % 2 == 1 {
            return Err(FrameError::OddPayload { found: payload.len() });
        }
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        Ok(Self {
            kind,
            codec,
            epoch: word(4),
            sequence: word(8),
            position: u64::from(word(12)) | u64::from(word(16)) << 32,
            payload,
        })
    }

    /// Number of samples carried.
    pub fn samples(&self) -> u64 {
        match self.codec {
            Codec::Pcm => self.payload.len() as u64 / 2,
        }
    }
}

impl TryFrom<u8> for Kind {
    type Error = FrameError;

    fn try_from(byte: u8) -> Result<Self, FrameError> {
        match byte {
            1 => Ok(Self::Microphone),
            2 => Ok(Self::Model),
            found => Err(FrameError::Kind { found }),
        }
    }
}

impl TryFrom<u8> for Codec {
    type Error = FrameError;

    fn try_from(byte: u8) -> Result<Self, FrameError> {
        match byte {
            0 => Ok(Self::Pcm),
            found => Err(FrameError::Codec { found }),
        }
    }
}

/// Why bytes are no audio frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Shorter than its header.
    Short {
        /// Bytes there were.
        found: usize,
    },
    /// A kind that there is not.
    Kind {
        /// The byte at offset 0.
        found: u8,
    },
    /// A codec that there is not.
    Codec {
        /// The byte at offset 1.
        found: u8,
    },
    /// Bytes 2 and 3 are in use: a newer dialect than this.
    Reserved {
        /// What they held.
        found: u16,
    },
    /// Half a sample.
    OddPayload {
        /// Bytes after the header.
        found: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { found } => {
                write!(
                    f,
                    "an audio frame begins with {HEADER_BYTES} header bytes; found {found} bytes in all"
                )
            }
            Self::Kind { found } => {
                write!(f, "byte 0 is the kind, 1 (microphone) or 2 (model); found {found}")
            }
            Self::Codec { found } => write!(f, "byte 1 is the codec, 0 (PCM); found {found}"),
            Self::Reserved { found } => write!(f, "bytes 2 and 3 are zero in vivavoce.v1; found {found}"),
            Self::OddPayload { found } => {
                write!(
                    f,
                    "PCM samples are two bytes each; found an odd count of {found} bytes after the header"
                )
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Bytes before the first sample.
pub const HEADER_BYTES: usize = 20;
