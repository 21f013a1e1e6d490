//! The audio lines behind a C door.
