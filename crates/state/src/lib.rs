//! Enishi state.
