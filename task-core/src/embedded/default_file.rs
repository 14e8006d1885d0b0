//! Which file is opened where none is named.

use std::path::PathBuf;

/// The file that holds everything unless another is named.
pub const DATABASE: &str = "celeriac.db";

/// The environment variable that names another.
pub const DATABASE_VARIABLE: &str = "CELERIAC_DATABASE";

/// The file that the environment names, else [`DATABASE`] in the working directory.
pub fn default_file() -> PathBuf {
    std::env::var_os(DATABASE_VARIABLE).filter(|file| !file.is_empty()).map_or_else(|| DATABASE.into(), PathBuf::from)
}
