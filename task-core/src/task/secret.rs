//! Hides an argument, or part of one, in logs, errors, `Debug` and the commands.

use std::{cell::Cell, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The text shown in place of a secret.
const SHOWN: &str = "(secret)";

/// The error for an unreadable secret: nothing of its value.
pub(super) const UNREADABLE: &str = "holds a secret that cannot be read";

thread_local! {
    /// Whether secrets are written as [`SHOWN`].
    static HIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// An argument, or part of one, that is hidden in logs, errors and `Debug`: a password, a token, a key.
///
/// ```ignore
/// #[task]
/// async fn sync_mailbox(user: String, password: Secret<String>) -> Result<(), ImapError> {
///     imap::login(&user, password.reveal()).await
/// }
///
/// sync_mailbox.delay("ada", "correct horse").await?;
/// ```
///
/// A queued call carries it as a plain `T`, so that an argument may become a secret, or stop being one, while calls
/// wait. The error for an unreadable secret names its argument and nothing else. `dead show` and `dead list` print
/// `(secret)` for it, and print no arguments that do not fit their task.
///
/// It hides, it does not encrypt: queue, ledger and dead letters store it as it was sent, for anyone with access to
/// them. If a task puts it into its own errors, log lines or results, it is shown. It cannot be the key of a map. Its
/// memory is not wiped. See `docs/security.md`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the code that needs it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value, no longer secret.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<T: Serialize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if HIDDEN.get() { serializer.serialize_str(SHOWN) } else { self.0.serialize(serializer) }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The type's own error may contain the value.
        T::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom(UNREADABLE))
    }
}

/// Runs `write` while this thread writes secrets as [`SHOWN`].
pub(super) fn hidden<R>(write: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            HIDDEN.set(self.0);
        }
    }
    let _before = Before(HIDDEN.replace(true));
    write()
}
