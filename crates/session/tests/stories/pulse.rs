//! How the sound's clock goes, from the player's first word to the end of the call.

use crate::pair::{Pair, ms};
use vivavoce_session::client::Beat;
use vivavoce_session::{ClientEvent, ClientInput, PlayerReport};

#[test]
fn is_told_from_when_there_is_a_player_until_the_end() {
    let mut pair = Pair::talking();
    pair.pass(ms(2_000));
    assert_eq!(beats(&pair), []);
    pair.does(ClientInput::NewPlayer);
    for hundred in 1..=50 {
        let played_frames = 4_800 * hundred;
        pair.does(ClientInput::Player(PlayerReport {
            played_frames,
            rate_hz: 48_000,
            ..PlayerReport::default()
        }));
        pair.pass(ms(100));
    }
    assert_eq!(beats(&pair), [Beat::Steady; 10]);
    pair.pass(ms(1_500));
    assert_eq!(beats(&pair).last(), Some(&Beat::Still));
    let told = beats(&pair).len();
    pair.does(ClientInput::HangUp);
    pair.pass(ms(5_000));
    assert_eq!(beats(&pair).len(), told);
}

fn beats(pair: &Pair) -> Vec<Beat> {
    pair.events
        .iter()
        .filter_map(|(_, event)| match event {
            ClientEvent::Pulse { beat } => Some(*beat),
            _ => None,
        })
        .collect()
}
