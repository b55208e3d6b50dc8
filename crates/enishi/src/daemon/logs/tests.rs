//! The event store as a whole: what was acknowledged is there, every page has every event once, what is deleted is gone.
