//! Enishi fabric.
