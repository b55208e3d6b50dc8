//! Values that take so long to make that a daemon which is ready does not wait for them: keys, whose randomness is gathered.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::anyhow;

/// A value that is there, or is made on a thread of its own.
pub struct Later<T> {
    made: OnceLock<Result<T, String>>,
    making: Mutex<Option<JoinHandle<anyhow::Result<T>>>>,
}

impl<T: Send + 'static> Later<T> {
    /// A value that is there.
    pub fn now(value: T) -> Self {
        Later { made: OnceLock::from(Ok(value)), making: Mutex::default() }
    }

    /// Begins to make a value.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn begin(name: &str, make: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> io::Result<Self> {
        let making = thread::Builder::new().name(name.to_owned()).spawn(make)?;
        Ok(Later { made: OnceLock::new(), making: Mutex::new(Some(making)) })
    }

    /// The value, waited for.
    ///
    /// # Errors
    /// It could not be made: the disk is full, say.
    pub fn get(&self) -> anyhow::Result<&T> {
        let made = self.made.get_or_init(|| {
            let making = self.making.lock().unwrap_or_else(PoisonError::into_inner).take();
            match making.map(JoinHandle::join) {
                Some(Ok(made)) => made.map_err(|error| format!("{error:#}")),
                Some(Err(_)) | None => Err("the thread that makes it ended".to_owned()),
            }
        });
        made.as_ref().map_err(|error| anyhow!("{error}"))
    }
}

impl<T> std::fmt::Debug for Later<T> {
    /// Without the value, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Later").field("is_made", &self.made.get().is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_waited_for_and_a_failure_is_said_to_everybody_who_asks() {
        assert_eq!(Later::now(1).get().ok(), Some(&1));
        let later = Later::begin("test", || Ok(2)).expect("a thread");
        assert_eq!((later.get().ok(), later.get().ok()), (Some(&2), Some(&2)));
        let failing: Later<u8> = Later::begin("test", || Err(anyhow!("no"))).expect("a thread");
        for _ in 0..2 {
            assert_eq!(failing.get().expect_err("an error").to_string(), "no");
        }
    }
}
