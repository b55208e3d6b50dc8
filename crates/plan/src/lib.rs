//! Enishi plan.
