//! What `enishi doctor` asks this machine.
