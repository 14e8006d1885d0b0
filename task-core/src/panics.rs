//! Catches panics of user code. All user code that the worker runs goes through [`guard`].

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind},
    sync::Once,
};

/// A caught panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    text: String,
    /// File, line and column, if [`locate`] has noted them.
    at: Option<String>,
}

thread_local! {
    /// The last panic of this thread, noted by the hook, since a caught panic has lost its place.
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

impl Panic {
    /// A text for people: what panicked, where, and its message. `what` is like "while its arguments were read".
    pub fn during(&self, what: &str) -> String {
        let Self { text, at } = self;
        match at {
            Some(at) => format!("panicked {what}, at {at}: {text}"),
            None => format!("panicked {what}: {text}"),
        }
    }

    /// The panic with this payload.
    #[cold]
    pub fn of(payload: Box<dyn Any + Send>) -> Self {
        let text = text(&*payload);
        discard(payload);
        let last = LAST.try_with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take())).ok().flatten();
        // If the texts differ, user code caught the noted panic itself, and this one was raised without the hook.
        last.filter(|last| last.text == text).unwrap_or(Self { text, at: None })
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "panicked at {at}: {}", self.text),
            None => write!(f, "panicked: {}", self.text),
        }
    }
}

/// Runs user code.
///
/// # Errors
/// Its panic.
#[inline]
pub fn guard<R>(run: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panic::of)
}

/// Drops a value of the user's. A panic of its `Drop` is printed by the panic hook and changes nothing else.
#[inline]
pub fn discard<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Its `Drop` may panic as well.
        std::mem::forget(payload);
    }
}

/// From now on notes the place of each panic, by a panic hook that calls the previous one. A hook that the program sets
/// later replaces this one. If that hook does not call the previous one, panics are still caught, but without their
/// place.
pub fn locate() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // A panicking thread cannot change the hook.
        if !std::thread::panicking() {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                note(info);
                before(info);
            }));
        }
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let at = info.location().map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column()));
    let noted = Panic { text: text(info.payload()), at };
    // A thread that is ending has lost the variable, and a borrowed one is not worth a second panic.
    let _ = LAST.try_with(|last| last.try_borrow_mut().map(|mut last| *last = Some(noted)));
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("with a value that is no text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics when it is dropped. The value of that panic panics too.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic::panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn says_where_it_was() {
        locate();
        let line = line!() + 1;
        let caught = guard(|| panic!("number {}", 5)).unwrap_err();
        let (at, said) = (format!("at {}:{line}:", file!()), caught.to_string());
        assert!(said.starts_with(&format!("panicked {at}")) && said.ends_with(": number 5"), "{said}");
        let said = caught.during("while its arguments were read");
        assert!(said.starts_with(&format!("panicked while its arguments were read, {at}")), "{said}");
    }

    #[test]
    fn has_no_place_of_another_panic() {
        locate();
        let caught = guard(|| {
            drop(catch_unwind(|| panic!("the first")));
            panic::resume_unwind(Box::new("the second"));
        });
        assert_eq!(caught.unwrap_err().to_string(), "panicked: the second");
    }

    #[test]
    fn a_panic_whose_value_panics_is_caught() {
        let caught = guard(|| panic::panic_any(Bomb(2))).unwrap_err();
        assert!(caught.to_string().ends_with("with a value that is no text"), "{caught}");
        discard(Bomb(2));
    }
}
