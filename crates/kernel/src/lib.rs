//! Enishi kernel.
