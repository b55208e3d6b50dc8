//! Enishi api.
