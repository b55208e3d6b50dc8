//! Enishi cloud.
