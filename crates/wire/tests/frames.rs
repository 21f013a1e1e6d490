//! Audio frames: what goes in comes out, and whatever comes in is a frame or an error that says what was expected.

use bytes::Bytes;
use proptest::prelude::*;
use vivavoce_wire::audio::{AudioFrame, Codec, FrameError, HEADER_BYTES, Kind};

fn frames() -> impl Strategy<Value = AudioFrame> {
    let kinds = prop_oneof![Just(Kind::Microphone), Just(Kind::Model)];
    let samples = prop::collection::vec(any::<i16>(), 0..700);
    (kinds, any::<u32>(), any::<u32>(), any::<u64>(), samples).prop_map(
        |(kind, epoch, sequence, position, samples)| {
            let payload = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            AudioFrame { kind, codec: Codec::Pcm, epoch, sequence, position, payload }
        },
    )
}

proptest! {
    #[test]
    fn come_out_as_they_went_in(frame in frames()) {
        let bytes = frame.encode();
        prop_assert_eq!(bytes.len(), HEADER_BYTES + frame.payload.len());
        prop_assert_eq!(frame.samples() as usize * 2, frame.payload.len());
        prop_assert_eq!(AudioFrame::decode(bytes.clone()), Ok(frame));
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error_that_says_why(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let bytes = Bytes::from(bytes);
        match AudioFrame::decode(bytes.clone()) {
            Ok(frame) => prop_assert_eq!(frame.encode(), bytes),
            Err(error) => prop_assert!(error.to_string().contains("found"), "{}", error),
        }
    }

    #[test]
    fn one_wrong_byte_in_the_header_is_named(frame in frames(), at in 0_usize..4, to in 1_u8..) {
        let mut bytes = frame.encode().to_vec();
        bytes[at] = if at == 0 { to.max(3) } else { to };
        let error = AudioFrame::decode(bytes.into()).unwrap_err();
        let named = match at {
            0 => matches!(error, FrameError::Kind { .. }),
            1 => matches!(error, FrameError::Codec { .. }),
            _ => matches!(error, FrameError::Reserved { .. }),
        };
        prop_assert!(named, "{}", error);
    }
}

#[test]
fn short_and_odd_frames_are_told_apart() {
    for length in 0..HEADER_BYTES {
        let bytes = Bytes::from(vec![0; length]);
        assert_eq!(AudioFrame::decode(bytes.clone()), Err(FrameError::Short { found: length }));
    }
    let mut odd = vec![0; HEADER_BYTES + 3];
    odd[0] = 1;
    assert_eq!(AudioFrame::decode(odd.into()), Err(FrameError::OddPayload { found: 3 }));
}

#[test]
fn bytes_lie_where_the_page_says() {
    let frame = AudioFrame {
        kind: Kind::Model,
        codec: Codec::Pcm,
        epoch: 0x0102_0304,
        sequence: 5,
        position: 0x0807_0605_0403_0201,
        payload: Bytes::from_static(&[0xff, 0x7f]),
    };
    let expected = [2, 0, 0, 0, 4, 3, 2, 1, 5, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0x7f];
    assert_eq!(frame.encode()[..], expected);
}
