//! Stories of calls, one a file, told with a client, a relay and a pretend world in virtual time.

// Here a surprise is a failed test.
#![allow(clippy::unwrap_used)]

mod desk;
mod pair;

mod a_day;
mod bad_input;
mod barge_in;
mod credit;
mod credit_at_random;
mod early_audio;
mod giving_way;
mod goodbye;
mod half_duplex;
mod heard_not_sent;
mod hello;
mod interrupted_with_stale_audio;
mod keeping_alive;
mod moving;
mod mute;
mod newer_turn_while_an_older_plays;
mod pulse;
mod push_to_talk;
mod random_lives;
mod reconnect;
mod resuming;
mod rotation;
mod rotation_at_random;
mod service_refuses_the_key;
mod several_fields_in_one_frame;
mod slow_link;
mod talk;
mod text;
mod ticket;
mod tools;
mod tools_at_random;
