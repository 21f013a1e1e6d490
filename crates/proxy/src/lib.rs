//! The proxy: keeps the key, relays the call.
