//! An argument, or part of one, that nobody reads in logs, errors, `Debug` and the commands.

use std::{cell::Cell, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What stands for a secret where arguments are shown.
const SHOWN: &str = "(secret)";

/// What is said of a secret that cannot be read: nothing of it.
pub(super) const UNREADABLE: &str = "holds a secret that cannot be read";

thread_local! {
    /// Whether secrets are written as [`SHOWN`].
    static HIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// An argument, or part of one, that nobody reads in logs, errors and `Debug`: a password, a token, a key.
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
/// In a queued call it is what `T` is, so that an argument may become a secret, or stop being one, while calls wait.
/// What is said of one that cannot be read names its argument and nothing else; `dead show` and `dead list` print
/// `(secret)` for it, and print no arguments that do not fit their task.
///
/// It hides, it does not encrypt: queue, ledger and dead letters hold it as it was sent, for whoever may read them. What a
/// task says of it in its own errors, log lines and results is shown. It cannot be the key of a map. Its memory is not
/// wiped. `docs/security.md` has the whole of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Keeps a value secret.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value, no secret any more.
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
        // Its error may have the value in it.
        T::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom(UNREADABLE))
    }
}

/// Does something while this thread writes secrets as [`SHOWN`].
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
