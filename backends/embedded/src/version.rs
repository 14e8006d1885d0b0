//! Checks the linked version of SQLite. The one that comes with `rusqlite` is new enough; a system's may not be.

use std::sync::Once;

/// The first SQLite without the WAL-reset bug: a file could be damaged when one connection restarted the write-ahead
/// log while another copied it (<https://sqlite.org/wal.html#walresetbug>).
const MENDED: i32 = 3_051_003;

/// Warns once per process about an SQLite that may damage a file.
pub(super) fn warn_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Some(warning) = warning(rusqlite::version_number(), rusqlite::version()) {
            tracing::warn!("{warning}");
        }
    });
}

fn warning(number: i32, name: &str) -> Option<String> {
    (number < MENDED).then(|| {
        format!(
            "this program is linked with SQLite {name}, which can damage a file that several processes write, unless its \
             distribution has mended that; build without LIBSQLITE3_SYS_USE_PKG_CONFIG, which takes the SQLite that comes \
             with the program, or with a system's SQLite from 3.51.3 on"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_named_with_its_cure() {
        assert_eq!(warning(3_051_003, "3.51.3"), None);
        let warning = warning(3_046_001, "3.46.1").unwrap();
        assert!(warning.contains("linked with SQLite 3.46.1"), "{warning}");
        assert!(warning.contains("build without LIBSQLITE3_SYS_USE_PKG_CONFIG"), "{warning}");
    }

    #[test]
    fn the_sqlite_that_comes_with_the_program_is_mended() {
        assert_eq!(warning(rusqlite::version_number(), rusqlite::version()), None);
    }
}
