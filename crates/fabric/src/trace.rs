//! What happened to a packet: the hops it took and the rule that decided at each.
//!
//! Its printer is what `enishi trace` shows and what scenario files compare.
