//! Builds the zip that Lambda runs: the program as `bootstrap`, and nothing else.

use std::io::{Cursor, Write as _};

use object::{Architecture as Machine, BinaryFormat, File, Object as _, elf::FileHeader64, read::elf::ElfFile};
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::Architecture;

/// The name of the program that Lambda starts.
const BOOTSTRAP: &str = "bootstrap";

/// The most bytes of a function's files: 250 MB.
const MAX_BYTES: usize = 250 << 20;

/// The version of the C library in Lambda's `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

/// A zip that Lambda runs.
pub(crate) struct Package {
    pub(crate) zip: Vec<u8>,
    /// Problems that do not prevent packing.
    pub(crate) warnings: Vec<String>,
}

/// Why Lambda cannot run a program. Each message includes the cure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// Not a Linux program.
    #[error(
        "not a Linux program: build one for Lambda (`cargo build --profile lambda --target {0}-unknown-linux-gnu`, or \
         `cargo lambda build`), and name it with --binary"
    )]
    NotLinux(&'static str),
    /// Another processor's program.
    #[error(
        "built for {found}, but the functions run on {}: build it for that, or set `architecture` in the settings",
        wanted.as_str()
    )]
    Machine {
        /// Its architecture.
        found: String,
        /// The functions' architecture.
        wanted: Architecture,
    },
    /// A program that is too large.
    #[error("{0} MB: Lambda takes at most 250 MB; build it with `--profile lambda`, which leaves debug info out")]
    TooLarge(usize),
    /// The zip could not be written.
    #[error("the zip cannot be written")]
    Zip(#[from] ZipError),
}

impl Package {
    /// Packs a program, given by its bytes. The same bytes make the same zip.
    pub(crate) fn new(binary: &[u8], wanted: Architecture) -> Result<Self, PackageError> {
        let warnings = look(binary, wanted)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o755);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(BOOTSTRAP, options)?;
        zip.write_all(binary).map_err(ZipError::from)?;
        Ok(Self { zip: zip.finish()?.into_inner(), warnings })
    }

    /// Distinguishes zips, for the zip's key in the bucket.
    pub(crate) fn id(&self) -> String {
        format!("{:08x}", crc32fast::hash(&self.zip))
    }
}

/// Checks a program. Returns warnings.
fn look(binary: &[u8], wanted: Architecture) -> Result<Vec<String>, PackageError> {
    let rust_name = match wanted {
        Architecture::Arm64 => "aarch64",
        Architecture::X86_64 => "x86_64",
    };
    let not_linux = || PackageError::NotLinux(rust_name);
    let file = File::parse(binary).ok().filter(|file| file.format() == BinaryFormat::Elf).ok_or_else(not_linux)?;
    let machine = match file.architecture() {
        Machine::Aarch64 => Some(Architecture::Arm64),
        Machine::X86_64 => Some(Architecture::X86_64),
        _ => None,
    };
    if machine != Some(wanted) {
        let found = machine.map_or_else(|| format!("{:?}", file.architecture()), |machine| machine.as_str().to_owned());
        return Err(PackageError::Machine { found, wanted });
    }
    if binary.len() > MAX_BYTES {
        return Err(PackageError::TooLarge(binary.len() >> 20));
    }
    let mut warnings = Vec::new();
    if file.has_debug_symbols() {
        warnings.push("holds debug info, which Lambda has no use for: build it with `--profile lambda`".to_owned());
    }
    if let Some((major, minor)) = needs_glibc(binary).filter(|version| *version > GLIBC) {
        warnings.push(format!(
            "needs glibc {major}.{minor}, Lambda has {}.{}: it will not start there. Build it on an older system, or \
             with `cargo lambda build` or `cargo zigbuild --target {rust_name}-unknown-linux-gnu.{}.{}`",
            GLIBC.0, GLIBC.1, GLIBC.0, GLIBC.1
        ));
    }
    Ok(warnings)
}

/// The newest version of the C library that a program needs; `None` if it needs none.
fn needs_glibc(binary: &[u8]) -> Option<(u32, u32)> {
    let elf = ElfFile::<FileHeader64<object::Endianness>>::parse(binary).ok()?;
    let (endian, sections) = (elf.endian(), elf.elf_section_table());
    let (mut libraries, strings) = sections.gnu_verneed(endian, binary).ok()??;
    let strings = sections.strings(endian, binary, strings).ok()?;
    let mut newest = None;
    while let Some((_, mut versions)) = libraries.next().ok()? {
        while let Some(version) = versions.next().ok()? {
            let name = version.name(endian, strings).ok().and_then(|name| std::str::from_utf8(name).ok());
            newest = newest.max(name.and_then(glibc));
        }
    }
    newest
}

/// Reads `GLIBC_2.34`.
fn glibc(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("GLIBC_")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
