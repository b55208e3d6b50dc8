//! Enishi wire.
