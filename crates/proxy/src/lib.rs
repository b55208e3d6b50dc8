//! Enishi proxy.
