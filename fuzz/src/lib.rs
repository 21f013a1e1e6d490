//! What the fuzz targets run. `laws` needs no fuzzer: the ordinary tests read every file of the corpora with it too.

#![forbid(unsafe_code)]

pub mod laws;
