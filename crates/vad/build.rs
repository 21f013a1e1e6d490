//! Fixes the memory of the module: it starts with all that it may ever have, so that nothing can grow and
//! no view of it is ever detached.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        for argument in [
            format!("--initial-memory={MEMORY_BYTES}"),
            format!("--max-memory={MEMORY_BYTES}"),
            format!("-zstack-size={STACK_BYTES}"),
        ] {
            println!("cargo::rustc-link-arg-cdylib={argument}");
        }
    }
}

/// The stack, the weights and tables (85 kB) and the statics (10 kB), in whole pages of 64 KiB.
const MEMORY_BYTES: usize = 4 * 65_536;

/// The network keeps a few kilobytes on it.
const STACK_BYTES: usize = 65_536;
