//! Enishi compute.
