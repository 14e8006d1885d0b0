//! Builds the zip that Lambda runs: the program as `bootstrap`, and nothing else.

use std::{
    fmt,
    io::{Cursor, Write as _},
    str::FromStr,
};

use object::{Architecture as Machine, BinaryFormat, File, Object as _, elf::FileHeader64, read::elf::ElfFile};
#[cfg(feature = "apply")]
use sha2::Digest as _;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::Architecture;

/// The name of the program that Lambda starts.
const BOOTSTRAP: &str = "bootstrap";

/// The most bytes of a function's files: 250 MB.
const MAX_BYTES: usize = 250 << 20;

/// A version of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc(u32, u32);

impl Glibc {
    /// The one in Lambda's `provided.al2023`.
    pub(crate) const LAMBDA: Self = Self(2, 34);
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Glibc {
    type Err = &'static str;

    fn from_str(version: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (major, minor) = version.split_once('.')?;
            Some(Self(major.parse().ok()?, minor.parse().ok()?))
        };
        read().ok_or("a version of the C library, such as `2.34`")
    }
}

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
    /// A program that would not start.
    #[error(
        "needs glibc {needs}, the functions have {has}: build it with `cargo lambda build` or `cargo zigbuild --target \
         {rust_name}-unknown-linux-gnu.{has}`, or on an older system"
    )]
    TooNewGlibc {
        /// What it needs.
        needs: Glibc,
        /// What the functions have.
        has: Glibc,
        /// The architecture in Rust's name for the target.
        rust_name: &'static str,
    },
    /// The zip could not be written.
    #[error("the zip cannot be written")]
    Zip(#[from] ZipError),
}

impl Package {
    /// Packs a program, given by its bytes, for a system with this C library. The same bytes make the same zip.
    pub(crate) fn new(binary: &[u8], wanted: Architecture, has: Glibc) -> Result<Self, PackageError> {
        let warnings = look(binary, wanted, has)?;
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

    /// Its SHA-256, as Lambda writes it for a function (`CodeSha256`).
    #[cfg(feature = "apply")]
    pub(crate) fn code(&self) -> String {
        base64_simd::STANDARD.encode_to_string(sha2::Sha256::digest(&self.zip))
    }

    /// Its key in the bucket of programs. It is named by its content, so that what is the same is not uploaded again, and
    /// what differs is a change.
    #[cfg(feature = "apply")]
    pub(crate) fn key(&self) -> String {
        format!("celeriac/{}.zip", sha256(&self.zip))
    }
}

/// The SHA-256 of some bytes in hexadecimal digits.
#[cfg(feature = "apply")]
pub(super) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut digits, byte| {
        // A string can always be written to.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Checks a program. Returns warnings.
fn look(binary: &[u8], wanted: Architecture, has: Glibc) -> Result<Vec<String>, PackageError> {
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
    if let Some(needs) = needs_glibc(binary).filter(|needs| *needs > has) {
        return Err(PackageError::TooNewGlibc { needs, has, rust_name });
    }
    let mut warnings = Vec::new();
    if file.has_debug_symbols() {
        warnings.push("holds debug info, which Lambda has no use for: build it with `--profile lambda`".to_owned());
    }
    Ok(warnings)
}

/// The newest version of the C library that a program needs; `None` if it needs none.
fn needs_glibc(binary: &[u8]) -> Option<Glibc> {
    let elf = ElfFile::<FileHeader64<object::Endianness>>::parse(binary).ok()?;
    let (endian, sections) = (elf.endian(), elf.elf_section_table());
    let (mut libraries, strings) = sections.gnu_verneed(endian, binary).ok()??;
    let strings = sections.strings(endian, binary, strings).ok()?;
    let mut newest = None;
    while let Some((_, mut versions)) = libraries.next().ok()? {
        while let Some(version) = versions.next().ok()? {
            let name = version.name(endian, strings).ok().and_then(|name| std::str::from_utf8(name).ok());
            newest = newest.max(name.and_then(|name| name.strip_prefix("GLIBC_")?.parse().ok()));
        }
    }
    newest
}
